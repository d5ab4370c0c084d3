# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Crops by one affine resampling, in training and in tracking alike.

A 2 x 3 matrix maps pixels of the image to pixels of the crop; a pixel's centre is its index.
Annotations count from pixel edges: a box (x, y, w, h) covers the pixels x to x + w - 1, so its
left edge lies half a pixel before the centre of pixel x, see :func:`edges_to_pixels`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

_TILES = 8


def crop_patch(frame: np.ndarray, center: Sequence[float], side: float, size: int) -> np.ndarray:
    """Cut a square out of an (H, W, 3) uint8 frame: (size, size, 3), the search region.

    ``center``, (x, y), and ``side`` are in frame pixels, ``size`` is in crop pixels.
    """
    return warp(frame, window_matrix(center, side, size), size, size)


def window_matrix(center: Sequence[float], side: float, size: int) -> np.ndarray:
    """The affine map, (2, 3) float64, of :func:`crop_patch`.

    Frame pixel ``u`` lands on crop pixel ``(u - center) * size / side + (size - 1) / 2``.
    """
    middle = np.full(2, (size - 1) / 2)
    return affine_map(np.eye(2) * (size / side), np.asarray(center), middle)


def linear_map(scale_x: float, scale_y: float, degrees: float = 0.0) -> np.ndarray:
    """Stretch along the axes, then rotate clockwise as seen on the image: (2, 2) float64.

    A negative ``scale_x`` mirrors left and right.
    """
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos * scale_x, -sin * scale_y], [sin * scale_x, cos * scale_y]])


def affine_map(linear: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The affine map, (2, 3), of a (2, 2) linear part that takes one point (x, y) to another."""
    return np.column_stack((linear, target - linear @ source))


def warp(image: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resample an (H, W, C) uint8 image to (height, width, C), border pixels repeated outside.

    Pixels are averaged where the image is shrunk by two or more. ``matrix`` is (2, 3), pixels of
    the image to pixels of the result.
    """
    image, block = average_pixels(image, np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    offset = matrix[:, :2].sum(axis=1) * (block - 1) / 2.0 + matrix[:, 2]
    matrix = np.concatenate([matrix[:, :2] * block, offset[:, None]], axis=1)
    return resample(image, matrix, width, height)


def average_pixels(image: np.ndarray, scale: float) -> tuple[np.ndarray, int]:
    """Average blocks of pixels of an image that is to be shrunk, to ``scale``, by two or more.

    Bilinear sampling alone would skip pixels. Returns the averaged image and the blocks' side, 1
    where nothing needs averaging; pixel ``u`` is now pixel ``(u + 0.5) / block - 0.5``.
    """
    block = int(1.0 / scale)
    width, height = image.shape[1] // max(block, 1), image.shape[0] // max(block, 1)
    if block < 2 or width == 0 or height == 0:
        return image, 1
    whole = image[: height * block, : width * block]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), block


def resample(image: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """:func:`warp` without averaging."""
    return cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def contrast(crop: np.ndarray) -> float:
    """How much there is to see in an (S, S, 3) uint8 crop, 0..255.

    It is the standard deviation of the mean colours of 8 x 8 tiles, over which a sensor's or a
    codec's noise averages out.
    """
    tiles = cv2.resize(crop, (_TILES, _TILES), interpolation=cv2.INTER_AREA)
    return float(cv2.meanStdDev(tiles)[1].mean())


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
