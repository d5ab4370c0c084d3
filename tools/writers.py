# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Video and box files that are written atomically: under a temporary name until they are complete.

Writers are context managers. Leaving the block, or Ctrl-C in it, finishes the file and puts it in
place; an error in the block, or in finishing the file, removes it.
"""

from __future__ import annotations

import csv
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from tlpg_mmtrack.structures import TrackingResult
from tlpg_mmtrack.utils.errors import FileError, InputError

logger = logging.getLogger(__name__)

CSV_COLUMNS = ('frame', 'x', 'y', 'w', 'h', 'score', 'confidence', 'state')

# The best first: browsers show H.264 alone. PyAV's wheels come with the first of them.
_ENCODERS = ('libx264', 'libopenh264', 'mpeg4')
_OPTIONS = {'libx264': {'preset': 'veryfast', 'crf': '20'}}
# The longest side that common H.264 decoders take, and the finest steps of a rate.
_MAX_SIDE = 4096
_MAX_DENOMINATOR = 65535


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Turn an error of the disk or of FFmpeg in a block into a ``FileError`` that names a file."""
    try:
        yield
    except FileError:
        raise
    except (OSError, av.FFmpegError) as error:
        raise FileError(
            f'{path}: cannot be written ({error.strerror}); free space, or pass another folder'
        ) from error


class _Writer:
    """Puts the temporary file in place, or removes it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        # Of the same kind: FFmpeg goes by the suffix.
        self._part = self.path.with_name(f'.{self.path.stem}.part{self.path.suffix}')

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(kind is None or issubclass(kind, KeyboardInterrupt))

    def close(self, keep: bool) -> None:
        """Finish the file, and put it in place or remove it."""
        try:
            with naming_file(self.path):
                self._finish()
                if keep and self._part.exists():
                    os.replace(self._part, self.path)
        finally:
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        raise NotImplementedError


class VideoFileWriter(_Writer):
    """Writes an MP4 that browsers play: H.264, yuv420p; without that encoder MPEG-4, and says so.

    The first frame sets the size, scaled down where a side is above 4096 pixels, and made even;
    frames of other sizes are scaled to fit and centred on black.

    Args:
        path: File to write, ending in ``.mp4``.
        fps: Frames a second.

    Raises:
        InputError: If ``fps`` is not positive and finite.
        FileError: If the file cannot be written, as on a full disk; it names the file.
    """

    def __init__(self, path: str | Path, fps: float) -> None:
        super().__init__(path)
        if not (math.isfinite(fps) and fps > 0):
            raise InputError(f'fps: must be positive and finite, got {fps}; pass frames a second')
        self._rate = Fraction(fps).limit_denominator(_MAX_DENOMINATOR)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._start: int | None = None
        self._time = -1

    def write(self, frame: np.ndarray, index: int | None = None) -> None:
        """Append a frame.

        Args:
            frame: (H, W, 3) uint8, BGR.
            index: Its number in its source; where some are left out, as of live frames, the last
                one is shown for longer. None for the next.
        """
        with naming_file(self.path):
            if self._stream is None:
                self._open(frame.shape[1], frame.shape[0])
            fitted = fit(frame, (self._stream.width, self._stream.height))
            picture = av.VideoFrame.from_ndarray(fitted, format='bgr24')
            self._start = index if self._start is None else self._start
            self._time = max(self._time + 1, index - self._start if index is not None else 0)
            picture.pts, picture.time_base = self._time, 1 / self._rate
            self._container.mux(self._stream.encode(picture))

    def _open(self, width: int, height: int) -> None:
        name = next(name for name in _ENCODERS if _can_encode(name))
        if name == 'mpeg4':
            logger.warning(
                f'{self.path}: this PyAV has no H.264 encoder; the video is MPEG-4 part 2, which '
                'browsers do not play'
            )
        # The index before the frames, so that a browser starts before it has the whole file.
        self._container = av.open(str(self._part), 'w', options={'movflags': 'faststart'})
        stream = self._container.add_stream(name, self._rate, options=_OPTIONS.get(name, {}))
        scale = min(_MAX_SIDE / max(width, height), 1.0)
        width, height = (max(round(side * scale), 1) for side in (width, height))
        # The codec halves the colour planes, so that sides must be even.
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = 'yuv420p'
        self._stream = stream

    def _finish(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            with container:
                container.mux(self._stream.encode())


class BoxWriter(_Writer):
    """Writes results as CSV: frame,x,y,w,h,score,confidence,state; each row at once on the disk.

    Args:
        path: File to write.
        named: Whether a column ``target`` follows; there is then a row for each.
    """

    def __init__(self, path: str | Path, named: bool = False) -> None:
        super().__init__(path)
        self._file = open(self._part, 'w', newline='')  # noqa: SIM115 - closed by _finish
        self._rows = csv.writer(self._file)
        self._rows.writerow((*CSV_COLUMNS, 'target') if named else CSV_COLUMNS)

    def write(self, index: int, result: TrackingResult, target: str | None = None) -> None:
        """Append the result of frame ``index``, and its target's name where they have some."""
        numbers = [f'{value:.4f}' for value in (*result.box, result.score, result.confidence)]
        name = [] if target is None else [target]
        with naming_file(self.path):
            self._rows.writerow([index, *numbers, result.state.value, *name])
            self._file.flush()

    def _finish(self) -> None:
        self._file.close()


def _can_encode(name: str) -> bool:
    try:
        av.Codec(name, 'w')
    except ValueError:
        return False
    return True


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale a picture (H, W, 3) to fit into (width, height), centred on black."""
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
