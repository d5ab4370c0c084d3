# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Boxes against the true ones; all are (n, 4), (x, y, width, height) in pixels."""

from __future__ import annotations

import numpy as np


def box_overlaps(boxes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Intersection over union of each of (n, 4) boxes with its truth; (n,) in 0..1.

    A size below zero counts as zero; a box with a NaN, or an empty one, overlaps nothing.
    """
    low = np.maximum(boxes[:, :2], truth[:, :2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], truth[:, :2] + truth[:, 2:])
    intersection = np.maximum(high - low, 0.0).prod(axis=1)
    areas = (np.maximum(part[:, 2:], 0.0).prod(axis=1) for part in (boxes, truth))
    union = sum(areas) - intersection
    overlaps = np.divide(intersection, union, out=np.zeros(len(boxes)), where=union > 0)
    return np.clip(overlaps, 0.0, 1.0)


def usable(truth: np.ndarray) -> np.ndarray:
    """Whether a true box says where the target is: no NaN, and a positive size. (n,) bool."""
    return np.isfinite(truth).all(axis=1) & (truth[:, 2:] > 0).all(axis=1)
