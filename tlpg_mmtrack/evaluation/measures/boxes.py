# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Overlaps and centre errors of axis-aligned boxes, frame by frame.

Boxes are (n, 4) arrays (x, y, width, height) in pixels. A size below zero counts as zero; a box
with a NaN overlaps nothing and is infinitely far away.
"""

from __future__ import annotations

import numpy as np


def box_overlaps(boxes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Intersection over union of each box with its truth.

    Args:
        boxes: (n, 4) tracked boxes.
        truth: (n, 4) true boxes.

    Returns:
        (n,) in 0..1; 0 where both boxes are empty.
    """
    low = np.maximum(boxes[:, :2], truth[:, :2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], truth[:, :2] + truth[:, 2:])
    intersection = np.maximum(high - low, 0.0).prod(axis=1)
    union = _areas(boxes) + _areas(truth) - intersection
    overlaps = np.divide(intersection, union, out=np.zeros(len(boxes)), where=union > 0)
    return np.clip(overlaps, 0.0, 1.0)


def center_errors(
    boxes: np.ndarray, truth: np.ndarray, scale: np.ndarray | None = None
) -> np.ndarray:
    """Distance of each box's centre from the true one.

    Args:
        boxes: (n, 4) tracked boxes.
        truth: (n, 4) true boxes.
        scale: (n, 2) unit of the distance in x and y; None for pixels. With the true width and
            height it is the normalised error of TrackingNet and LaSOT.

    Returns:
        (n,), infinite where a box holds a NaN or a unit is not positive.
    """
    # Grouped so that equal boxes have no distance, not one of a rounding error.
    difference = (boxes[:, :2] + boxes[:, 2:] / 2) - (truth[:, :2] + truth[:, 2:] / 2)
    if scale is not None:
        missing = np.full_like(difference, np.inf)
        difference = np.divide(difference, scale, out=missing, where=scale > 0)
    errors = np.sqrt((difference**2).sum(axis=1))
    return np.where(np.isnan(errors), np.inf, errors)


def limit_to_image(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Limit boxes to an image as the GOT-10k toolkit does.

    The corner is moved into the image, and then the size is cut at the far side. So a box that
    begins left of the image or above it keeps its size and is moved, not cut.

    Args:
        boxes: (n, 4) boxes.
        size: (width, height) of the image.

    Returns:
        (n, 4) boxes, a new array.
    """
    limits = np.asarray(size, dtype=np.float64)
    corner = np.clip(boxes[:, :2], 0.0, limits)
    return np.concatenate((corner, np.clip(boxes[:, 2:], 0.0, limits - corner)), axis=1)


def usable(truth: np.ndarray) -> np.ndarray:
    """Whether a true box says where the target is: no NaN, and a positive size. (n,) bool."""
    return np.isfinite(truth).all(axis=1) & (truth[:, 2:] > 0).all(axis=1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.maximum(boxes[:, 2:], 0.0).prod(axis=1)
