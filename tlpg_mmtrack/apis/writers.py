# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Writing results so that a file under its final name is always a whole one.

Writers are context managers that write under a temporary name beside the final one. Leaving the
block, or Ctrl-C in it, finishes the file and puts it in place; an error in the block, or in
finishing the file, removes it.
"""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from tlpg_mmtrack.structures import TrackingResult

CSV_COLUMNS = ('frame', 'x', 'y', 'w', 'h', 'score', 'state')

# What MPEG-4 can express: a side in pixels, even, and the numerator of a rate.
_MAX_SIDE = 8190
_MAX_RATE = 65535
# OpenCV takes lower rates for 0.
_MIN_RATE = 0.01


def part_path(path: Path) -> Path:
    """The temporary name of a file: hidden, in the same folder, of the same kind."""
    return path.with_name(f'.{path.stem}.part{path.suffix}')


class _Writer:
    """Puts the temporary file in place, or removes it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._part = part_path(self.path)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._finish()
            keep = kind is None or issubclass(kind, KeyboardInterrupt)
            if keep and self._part.exists():
                self._check()
                os.replace(self._part, self.path)
        finally:
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        raise NotImplementedError

    def _check(self) -> None:
        """Raise OSError if the finished temporary file is not whole."""


class VideoFileWriter(_Writer):
    """Writes an MP4 (MPEG-4 part 2, which OpenCV encodes everywhere).

    The first frame sets the size, scaled down where a side is above the 8190 pixels that MPEG-4
    allows; frames of other sizes are scaled to fit and centred on black. Leaving the block raises
    OSError if the file cannot be read back, as on a full disk.

    Args:
        path: File to write, ending in ``.mp4``.
        fps: Frames a second; rounded where MPEG-4 cannot express them.

    Raises:
        ValueError: If ``fps`` is not positive and finite.
    """

    def __init__(self, path: str | Path, fps: float) -> None:
        super().__init__(path)
        self._fps = expressible_fps(fps)
        self._size: tuple[int, int] = (0, 0)
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame: np.ndarray) -> None:
        """Append a frame, (H, W, 3) uint8, BGR.

        Raises:
            OSError: If OpenCV cannot encode to this file.
        """
        if self._writer is None:
            self._size = _video_size(frame.shape[1], frame.shape[0])
            codec = cv2.VideoWriter.fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(str(self._part), codec, self._fps, self._size)
            if not self._writer.isOpened():
                raise OSError(f'{self.path}: OpenCV cannot write this video; check the folder')
        self._writer.write(fit(frame, self._size))

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.release()

    def _check(self) -> None:
        # OpenCV's writer says nothing when the disk is full.
        capture = cv2.VideoCapture(str(self._part))
        readable, _ = capture.read()
        capture.release()
        if not readable:
            raise OSError(
                f'{self.path}: the video could not be written whole; check that the disk has room'
            )


class BoxWriter(_Writer):
    """Writes results as CSV: frame,x,y,w,h,score,state; one row a frame, at once on the disk.

    Args:
        path: File to write.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._file = open(self._part, 'w', newline='')  # noqa: SIM115 - closed by _finish
        self._rows = csv.writer(self._file)
        self._rows.writerow(CSV_COLUMNS)

    def write(self, index: int, result: TrackingResult) -> None:
        """Append the result of frame ``index``."""
        numbers = [f'{value:.4f}' for value in (*result.box, result.score)]
        self._rows.writerow([index, *numbers, result.state.value])
        self._file.flush()

    def _finish(self) -> None:
        self._file.close()


def expressible_fps(fps: float) -> float:
    """The nearest rate, of at most three decimals, that MPEG-4 can express.

    Raises:
        ValueError: If it is not positive and finite.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f'fps: must be positive and finite, got {fps}; pass frames a second')
    fps = min(max(fps, _MIN_RATE), float(_MAX_RATE))
    for digits in (3, 2, 1):
        thousandths = round(round(fps, digits) * 1000)
        if thousandths // math.gcd(thousandths, 1000) <= _MAX_RATE:
            return thousandths / 1000
    return float(round(fps))


def _video_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the video for a first frame of this size."""
    scale = min(_MAX_SIDE / max(width, height), 1.0)
    width, height = (max(round(side * scale), 1) for side in (width, height))
    # The codec halves the colour planes, so that sides must be even.
    return width + width % 2, height + height % 2


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale an image to fit into a size, centred on black; its proportions stay.

    Args:
        image: (H, W, 3) uint8.
        size: (width, height) in pixels.

    Returns:
        (height, width, 3) uint8.
    """
    height, width = image.shape[:2]
    canvas = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    scale = min(size[0] / width, size[1] / height)
    # An odd side that was made even: one black line beats a resampled picture.
    if width <= size[0] <= width + 1 and height <= size[1] <= height + 1:
        scale = 1.0
    new_width, new_height = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = (size[0] - new_width) // 2, (size[1] - new_height) // 2
    if scale != 1.0:
        image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_AREA)
    canvas[top : top + new_height, left : left + new_width] = image
    return canvas
