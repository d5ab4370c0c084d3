# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The square crop around a target: the one used in training and in tracking."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def crop_patch(frame: np.ndarray, center: Sequence[float], side: float, size: int) -> np.ndarray:
    """Cut a square out of a frame and resample it, repeating the border pixels outside.

    Frame pixel ``u`` lands on crop pixel ``(u - center) * size / side + (size - 1) / 2``.

    Args:
        frame: (H, W, 3) uint8.
        center: (x, y) of the square's centre in frame pixels (a pixel's centre is its index).
        side: The square's side in frame pixels.
        size: The crop's side in crop pixels.

    Returns:
        (size, size, 3) uint8.
    """
    frame, center, scale = average_pixels(frame, center, size / side)
    half = (size - 1) / 2.0
    matrix = np.array(
        [[scale, 0.0, half - scale * center[0]], [0.0, scale, half - scale * center[1]]]
    )
    return cv2.warpAffine(
        frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def average_pixels(
    frame: np.ndarray, center: Sequence[float], scale: float
) -> tuple[np.ndarray, Sequence[float], float]:
    """Average blocks of pixels of a frame that is to be shrunk by two or more.

    Bilinear sampling alone would skip pixels.

    Args:
        frame: (H, W, 3) uint8.
        center: (x, y) of a place in frame pixels.
        scale: Crop pixels per frame pixel.

    Returns:
        The frame, the same place in its pixels, and the scale that is left; unchanged where
        nothing needs averaging.
    """
    shrink = int(1.0 / scale)
    width, height = frame.shape[1] // max(shrink, 1), frame.shape[0] // max(shrink, 1)
    if shrink < 2 or width == 0 or height == 0:
        return frame, center, scale
    whole = frame[: height * shrink, : width * shrink]
    frame = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return frame, [(c + 0.5) / shrink - 0.5 for c in center], scale * shrink
