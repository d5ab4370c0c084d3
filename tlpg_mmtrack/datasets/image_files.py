# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading the images of a training set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import cv2
import numpy as np


def read_image(path: str, shape: Sequence[int] | None = None) -> np.ndarray | None:
    """Read an image as 3-channel BGR.

    Args:
        path: The file; grey and 4-channel images are converted.
        shape: (height, width) that its annotations were made for, if known.

    Returns:
        (H, W, 3) uint8, or None, with a warning that names the file, if it cannot be read or does
        not have the shape.
    """
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    if image is None:
        warnings.warn(f'{path}: cannot be read as an image; skipped', stacklevel=2)
        return None
    if shape is not None and image.shape[:2] != tuple(shape):
        warnings.warn(
            f'{path}: is {image.shape[1]} x {image.shape[0]} but annotated as '
            f'{shape[1]} x {shape[0]}; skipped',
            stacklevel=2,
        )
        return None
    return image
