# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading the images of a training set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .corpus_warning import CorpusWarning

#: Bytes at a JPEG's end in which its end mark is looked for; some writers add to it.
_JPEG_TAIL = 4096


def decode_image(path: str | Path) -> np.ndarray | None:
    """Decode an image file as far as OpenCV can.

    Args:
        path: The file; grey, 16-bit and 4-channel images are converted.

    Returns:
        (H, W, 3) uint8, BGR, or None if it cannot be read.
    """
    try:
        return cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:
        # OpenCV raises where the file's header claims an enormous size.
        return None


def read_image(path: str, shape: Sequence[int] | None = None) -> np.ndarray | None:
    """Read an image as 3-channel BGR.

    Args:
        path: The file; grey and 4-channel images are converted.
        shape: (height, width) that its annotations were made for, if known.

    Returns:
        (H, W, 3) uint8, or None, with a warning that names the file, if it cannot be read, lacks
        its end or does not have the shape.
    """
    image = decode_image(path)
    if image is None:
        warnings.warn(f'{path}: cannot be read as an image; skipped', CorpusWarning, stacklevel=2)
        return None
    reason = truncated_image(path)
    if reason is not None:
        warnings.warn(f'{reason}; skipped', CorpusWarning, stacklevel=2)
        return None
    if shape is not None and image.shape[:2] != tuple(shape):
        warnings.warn(
            f'{path}: is {image.shape[1]} x {image.shape[0]} but annotated as '
            f'{shape[1]} x {shape[0]}; skipped',
            CorpusWarning,
            stacklevel=2,
        )
        return None
    return image


def truncated_image(path: str | Path) -> str | None:
    """Whether a JPEG lacks its end; OpenCV fills what is missing with grey, and says nothing.

    Returns:
        What is wrong; None where the file has its end, or is no JPEG.
    """
    with open(path, 'rb') as file:
        is_jpeg = file.read(2) == b'\xff\xd8'
        file.seek(max(file.seek(0, 2) - _JPEG_TAIL, 0))
        # Within a picture's data these two bytes do not occur.
        whole = not is_jpeg or b'\xff\xd9' in file.read()
    return None if whole else f'{path}: the image is truncated'
