# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading pictures: their order in a folder, their depth, and what is wrong with them."""

from __future__ import annotations

import functools
import logging
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .errors import CorpusWarning, InputError

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')
#: Flags of ``cv2.imread``: grey or BGR, in the file's own depth, turned as its EXIF says.
AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH

_PERCENTILES = (0.1, 99.9)
# Marks of a JPEG: its start, the start of a picture's data, its end.
_JPEG_START, _JPEG_DATA, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """A key to sort file names by: 2.jpg before 10.jpg, IMG_1.jpg before img_2.jpg."""
    parts = re.split(r'(\d+)', name.casefold())
    # Not isdigit: it takes in characters that int() refuses, such as a superscript 2. The name
    # itself parts 1.jpg from 01.jpg and A.jpg from a.jpg, however the folder lists them.
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in parts], name


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is read as a picture."""
    # Hidden files hold no picture: macOS puts ._1.jpg beside 1.jpg.
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith('.')


def picture_paths(folder: str | Path) -> list[Path]:
    """The pictures in a folder, in natural order; an InputError if there are none.

    All else is passed over; links that lead nowhere with a logged warning.
    """
    if not os.path.isdir(folder):
        raise InputError(f'{folder} is not a folder; check the path')
    entries = [entry for entry in os.scandir(folder) if is_picture_name(entry.name)]
    names = sorted((entry.name for entry in entries if entry.is_file()), key=natural_key)
    lost = [entry.name for entry in entries if not os.path.exists(entry.path)]
    if lost:
        logger.warning(
            '%s: %d links lead nowhere and are passed over, such as %s', folder, len(lost), lost[0]
        )
    if not names:
        below = Path(folder, 'img')
        advice = f'did you mean {below}?' if below.is_dir() else 'pass the folder that has them'
        raise InputError(f'{folder} holds no picture ({", ".join(IMAGE_SUFFIXES)}); {advice}')
    return [Path(folder, name) for name in names]


class ByteRange:
    """Converts the pictures of one video to frames of 8 bits, all of them alike.

    Sensors leave 12-bit or thermal values in 16-bit files, of which the upper byte alone is nearly
    black. Where the first picture of more than 8 bits uses less than half of what its type can
    hold, the range between its 0.1 and 99.9 percentiles (single pixels may be stuck) is therefore
    stretched to 0..255, and this is logged.
    """

    def __init__(self) -> None:
        self._low = 0.0
        self._scale: float | None = None

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """(H, W), grey, or (H, W, 3), BGR, of any number type, as (H, W, 3) uint8, BGR."""
        if picture.dtype != np.uint8:
            if self._scale is None:
                self._learn(picture)
            values = (picture.astype(np.float32) - self._low) * self._scale
            picture = np.nan_to_num(values, nan=0.0).clip(0, 255).astype(np.uint8)
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture

    def _learn(self, picture: np.ndarray) -> None:
        values = picture[np.isfinite(picture)] if np.isfinite(picture).any() else np.zeros(1)
        low, high = np.percentile(values, _PERCENTILES, method='nearest').tolist()
        whole = np.issubdtype(picture.dtype, np.integer)
        full = float(np.iinfo(picture.dtype).max) + 1 if whole else 1.0
        if low == high or (whole and high - low >= full / 2):
            self._scale = 256 / full  # What OpenCV does: the upper byte.
            return
        self._low, self._scale = low, 255 / (high - low)
        logger.warning(
            f'the first picture holds {picture.dtype} values from {low:g} to {high:g}; that range '
            'is stretched to 0..255 in all of them'
        )


@functools.lru_cache(maxsize=256)
def _range_of_folder(folder: Path) -> ByteRange:
    """What its first picture of more than 8 bits gives, whichever of them is read first."""
    to_bytes = ByteRange()
    for picture in map(_imread, picture_paths(folder)):
        if picture is not None and picture.dtype != np.uint8:
            to_bytes(picture)
            break
    return to_bytes


def decode_image(path: str | Path, to_bytes: ByteRange | None = None) -> np.ndarray | None:
    """Decode a picture file as far as OpenCV can: (H, W, 3) uint8, BGR, or None.

    An EXIF orientation is applied: boxes are of the upright picture, as it is shown. ``to_bytes``
    is that of its video, which its folder is if None.
    """
    picture = _imread(path)
    if picture is None:
        return None
    if to_bytes is None:
        deep = picture.dtype != np.uint8
        to_bytes = _range_of_folder(Path(path).parent) if deep else ByteRange()
    return to_bytes(picture)


def _imread(path: str | Path) -> np.ndarray | None:
    try:
        return cv2.imread(str(path), AS_STORED)
    except cv2.error:  # The file's header claims an enormous size.
        return None


def read_image(path: str | Path, shape: Sequence[int] | None = None) -> np.ndarray | None:
    """Read a picture of a training set, whose annotations were made for (height, width) ``shape``.

    (H, W, 3) uint8, BGR, or None, with a warning that names the file, if it cannot be read, lacks
    its end or does not have the shape.
    """
    image = decode_image(path)
    fault = truncated_image(path) if image is not None else f'{path}: cannot be read as an image'
    if fault is None and shape is not None and image.shape[:2] != tuple(shape):
        height, width = image.shape[:2]
        fault = f'{path}: is {width} x {height} but annotated as {shape[1]} x {shape[0]}'
        if (width, height) == tuple(shape):
            fault += ' (perhaps turned by its EXIF orientation, see docs/custom_data.md)'
    if fault is None:
        return image
    warnings.warn(f'{fault}; skipped', CorpusWarning, stacklevel=2)
    return None


def truncated_image(path: str | Path) -> str | None:
    """What is wrong with a JPEG that lacks its end, which OpenCV fills with grey; else None."""
    with open(path, 'rb') as file:
        if file.read(2) != _JPEG_START:
            return None
        # Mostly within its last bytes; but a phone adds a whole film after the end.
        file.seek(max(file.seek(0, 2) - 1024, 0))
        if _JPEG_END in file.read():
            return None
        file.seek(0)
        content = file.read()
    # A thumbnail, which comes before the picture's data, has an end of its own. Within the data
    # the two bytes of the end do not occur.
    place = len(_JPEG_START)
    while place + 4 <= len(content) and content[place : place + 2] != _JPEG_DATA:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
    return None if _JPEG_END in content[place:] else f'{path}: the image is truncated'
