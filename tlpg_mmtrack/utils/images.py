# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading the images of a training set."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .corpus_warning import CorpusWarning
from .errors import InputError
from .natural_order import natural_key

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')

# Marks of a JPEG: its start, the start of a picture's data, its end.
_JPEG_START, _JPEG_DATA, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
#: Bytes at a JPEG's end in which its end is looked for at first.
_JPEG_TAIL = 1024


def picture_paths(folder: str | Path) -> list[Path]:
    """The pictures in a folder, in natural order; hidden files and other kinds are passed over.

    Raises:
        OSError: If there is no such folder.
        InputError: If it holds none.
    """
    # Hidden files hold no picture: macOS puts ._1.jpg beside 1.jpg.
    names = [
        entry.name
        for entry in os.scandir(folder)
        if entry.name.lower().endswith(IMAGE_SUFFIXES)
        and not entry.name.startswith('.')
        and entry.is_file()
    ]
    if not names:
        raise InputError(f'{folder} holds no picture ({", ".join(IMAGE_SUFFIXES)})')
    return [Path(folder, name) for name in sorted(names, key=natural_key)]


def decode_image(path: str | Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    """Decode an image file as far as OpenCV can.

    Args:
        path: The file; grey, 16-bit and 4-channel images are converted, and an EXIF orientation is
            applied: boxes are of the upright picture, as it is shown.
        flags: Of ``cv2.imread``.

    Returns:
        (H, W, 3) uint8, BGR, or None if it cannot be read; other depths if ``flags`` says so.
    """
    try:
        return cv2.imread(str(path), flags)
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
        stored = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        exif = (
            ', as it is stored: its EXIF orientation turns it. Annotate the upright picture, or '
            'remove that tag from all files (docs/custom_data.md)'
        )
        warnings.warn(
            f'{path}: is {image.shape[1]} x {image.shape[0]} but annotated as '
            f'{shape[1]} x {shape[0]}{exif if stored.shape[:2] == tuple(shape) else ""}; skipped',
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
        if file.read(2) != _JPEG_START:
            return None
        file.seek(max(file.seek(0, 2) - _JPEG_TAIL, 0))
        if _JPEG_END in file.read():
            return None
        # A phone adds a whole film after the end.
        file.seek(0)
        content = file.read()
    # Within a picture's data the two bytes of the end do not occur.
    whole = _JPEG_END in content[_jpeg_data(content) :]
    return None if whole else f'{path}: the image is truncated'


def _jpeg_data(content: bytes) -> int:
    """Where the picture's data starts, behind any thumbnail, which has an end of its own."""
    place = len(_JPEG_START)
    while place + 4 <= len(content) and content[place : place + 2] != _JPEG_DATA:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
    return place
