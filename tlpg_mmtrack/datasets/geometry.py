# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Affine geometry of training crops: 2 x 3 matrices that map frame pixels to crop pixels.

:mod:`tlpg_mmtrack.ops.crop` resamples by them. A pixel's centre is its index, there and here.
Annotations count from pixel edges: a box (x, y, w, h) covers the pixels x to x + w - 1, so its
left edge lies half a pixel before the centre of pixel x, see :func:`edges_to_pixels`.
"""

from __future__ import annotations

import numpy as np


def edges_to_pixels(points: np.ndarray) -> np.ndarray:
    """Points counted from pixel edges, as annotated, in pixel coordinates; float64."""
    return np.asarray(points, dtype=np.float64) - 0.5


def place_matrix(
    linear: np.ndarray, points: np.ndarray, center: np.ndarray, size: float
) -> np.ndarray:
    """The affine map, (2, 3) float64, that shows an object at a chosen place and size.

    The (P, 2) outline in frame pixels is stretched and rotated by the (2, 2) ``linear``, whose
    scale is replaced. Its tight box then has this centre, (x, y), and root of its area, in crop
    pixels.
    """
    box = bounding_box(points @ linear.T)
    width, height = box[2:] - box[:2]
    scale = size / np.sqrt(width * height)
    middle = (box[:2] + box[2:]) / 2.0 * scale
    return np.column_stack((linear * scale, center - middle))


def map_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply a (2, 3) affine map to (P, 2) points."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def bounding_box(points: np.ndarray) -> np.ndarray:
    """The tight box (x1, y1, x2, y2) around (P, 2) points."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def box_corners(box: np.ndarray) -> np.ndarray:
    """The four corners, (4, 2), of a box (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], dtype=np.float64)
