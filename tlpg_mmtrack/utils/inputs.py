# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Checks of what users hand to the tracker: frames and boxes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from .errors import InputError

MIN_FRAME_SIDE = 8  #: Shortest frame side in pixels: one cell of the finest feature map.

MAX_FRAME_SIDE = 32766  #: Longest frame side in pixels: OpenCV's warps count them in 16 bits.

#: Largest absolute value in a box: crops of far larger ones overflow OpenCV's integers.
MAX_BOX_NUMBER = 1e6

# A box of which less lies in the frame, and which fits it as two corners, may be meant as such:
# none of 4,650 true boxes (dev/ and train/videos), and 62 % of them written as corners.
_INSIDE = 0.95


def check_frame(frame: Any) -> np.ndarray:
    """Make sure that a frame is what OpenCV reads: (H, W, 3) uint8, BGR.

    Returns it contiguous in memory (a mirrored view, for one, is copied).

    Raises:
        TypeError: If it is not an array, or not of unsigned bytes.
        InputError: If it is not of that shape, or a side is shorter than ``MIN_FRAME_SIDE`` or
            longer than ``MAX_FRAME_SIDE``.
    """
    if isinstance(frame, cv2.UMat):
        raise TypeError('frame: is a cv2.UMat, which lies outside of numpy; pass frame.get()')
    if not isinstance(frame, np.ndarray):
        unread = ', which is what cv2.imread returns for a file it cannot read'
        raise TypeError(
            f'frame: got {type(frame).__name__}{unread if frame is None else ""}; pass an '
            'H x W x 3 uint8 array, in BGR order'
        )
    if frame.dtype != np.uint8:
        raise TypeError(f'frame: must be uint8, got {frame.dtype}; {_byte_conversion(frame)}')
    channels = 1 if frame.ndim == 2 else frame.shape[-1] if frame.ndim == 3 else None
    if channels != 3:
        code = {1: 'GRAY2BGR', 4: 'BGRA2BGR'}.get(channels)
        advice = f'cv2.cvtColor(frame, cv2.COLOR_{code})' if code else 'one BGR picture at a time'
        raise InputError(f'frame: must be H x W x 3, got shape {frame.shape}; pass {advice}')
    height, width = frame.shape[:2]
    if min(height, width) < MIN_FRAME_SIDE or max(height, width) > MAX_FRAME_SIDE:
        raise InputError(
            f'frame: is {width} x {height} pixels; pass one whose sides are {MIN_FRAME_SIDE} to '
            f'{MAX_FRAME_SIDE}'
        )
    return np.ascontiguousarray(frame)


def check_box(box: Any, frame_size: tuple[int, int]) -> np.ndarray:
    """Make sure that a box, (x, y, width, height) in pixels, is one to start tracking from.

    ``frame_size`` is (width, height). Returns the box, (4,) float64.

    Raises:
        InputError: If it is not four finite numbers, up to ``MAX_BOX_NUMBER``, has no area, or
            covers less than a pixel of the frame in either direction (less than its whole side,
            where that is shorter).
    """
    try:
        checked = np.array(box, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        # The last two are of whole numbers beyond a float and of tensors that need gradients.
        checked = np.empty(0)
    width, height = frame_size
    advice = 'pass (x, y, width, height) in pixels'
    if checked.shape != (4,):
        raise InputError(f'box: must be 4 numbers, got {box!r}; {advice}')
    if not (np.abs(checked) <= MAX_BOX_NUMBER).all():
        raise InputError(
            f'box: must be finite, within {MAX_BOX_NUMBER:.0f} pixels, got {checked.tolist()}; '
            f'{advice}'
        )
    for name, side in zip(('width', 'height'), checked[2:], strict=True):
        if side <= 0:
            raise InputError(f'box: {name} must be positive, got {side}; {advice}')
    frame_sides = np.array(frame_size, dtype=np.float64)
    inside = np.minimum(checked[:2] + checked[2:], frame_sides) - np.maximum(checked[:2], 0.0)
    # Less a rounding error: a tenth of a pixel at 10 ends at 10.099999.
    if (inside < np.minimum(checked[2:], 1.0) - 1e-6).any():
        raise InputError(
            f'box: {checked.tolist()} lies outside the {width} x {height} frame; {advice} of this '
            'frame'
        )
    return checked


def other_format(box: np.ndarray, frame_size: tuple[int, int]) -> str | None:
    """Name the format that a box of :func:`check_box` seems to be in, if it is another one.

    ``frame_size`` is (width, height) in pixels.
    """
    if box.min() >= 0 and box.max() <= 1:
        return 'fractions of the frame'
    corner, size, frame_sides = box[:2], box[2:], np.array(frame_size)
    inside = np.minimum(corner + size, frame_sides) - np.maximum(corner, 0)
    corners = ((corner >= 0) & (corner < size) & (size <= frame_sides)).all()
    overflows = inside.prod() / size.prod() < _INSIDE
    return 'two corners (x1, y1, x2, y2)' if corners and overflows else None


def move_into_frame(box: np.ndarray, frame_size: tuple[int, int]) -> np.ndarray:
    """Move a box by as little as puts a pixel of it into the frame; its size stays.

    Box, frame size and result are as in :func:`check_box`; a side below a pixel comes in whole.
    """
    frame_sides = np.array(frame_size, dtype=np.float64)
    overlap = np.minimum(box[2:], 1.0)
    corner = np.clip(box[:2], overlap - box[2:], frame_sides - overlap)
    return np.concatenate([corner, box[2:]])


def _byte_conversion(frame: np.ndarray) -> str:
    if frame.dtype == np.uint16:
        return "pass (frame / 257).astype('uint8')"
    if np.issubdtype(frame.dtype, np.floating):
        return "pass (frame * 255).clip(0, 255).astype('uint8') if its values are 0 to 1"
    return "pass frame.clip(0, 255).astype('uint8') if its values are 0 to 255"
