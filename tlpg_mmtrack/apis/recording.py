# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A tracking run as files: annotated video, boxes, contact sheet, plot of the scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import FileError

from .visualization import ContactSheet, draw_result, plot_scores, save_picture
from .writers import BoxWriter, VideoFileWriter

# To a writer any error means: take the file away.
_DISCARD = (RuntimeError, RuntimeError('nothing to keep'), None)
_KEEP = (None, None, None)


class Recording:
    """Writes ``tracked.mp4``, ``boxes.csv``, ``contact_sheet.png`` and ``scores.png``.

    A context manager. All four appear when the block is left, by Ctrl-C too, and hold the frames
    added so far; after an error, or where no frame was added, none appear. A full disk, or another
    ``OSError``, leaves the boxes.

    Args:
        folder: Existing folder to write to.
        fps: Frames a second of the video.

    Raises:
        FileError: If a file cannot be written; it names the file.

    Example:
        >>> with Recording(Path('outputs'), fps=25.0) as recording:
        ...     for index, frame in frames:
        ...         recording.add(index, frame, tracker.track(frame))
    """

    def __init__(self, folder: Path, fps: float) -> None:
        self._folder = folder
        self._sheet = ContactSheet()
        self._scores: list[float] = []
        self._states: list[TrackingState] = []
        self._blank: np.ndarray | None = None
        self._video = VideoFileWriter(folder / 'tracked.mp4', fps)
        self._boxes = BoxWriter(folder / 'boxes.csv')

    def __len__(self) -> int:
        return len(self._scores)

    def __enter__(self) -> Recording:
        return self

    def add(self, index: int, frame: np.ndarray | None, result: TrackingResult) -> np.ndarray:
        """Record one frame.

        Args:
            index: Frame number.
            frame: (H, W, 3) uint8, BGR; None, for a corrupt one, is shown black. The first frame
                cannot be None.
            result: The tracker's answer for it.

        Returns:
            The annotated picture.
        """
        if frame is None:
            frame = self._blank
        elif self._blank is None or self._blank.shape != frame.shape:
            self._blank = np.zeros_like(frame)
        picture = draw_result(frame, result, index)
        with naming_file(self._boxes.path):
            self._boxes.write(index, result)
        self._video.write(picture)
        self._sheet.add(picture)
        self._scores.append(result.score)
        self._states.append(result.state)
        return picture

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        started = bool(self._scores)
        finished = started and (kind is None or issubclass(kind, KeyboardInterrupt))
        disk_failed = started and kind is not None and issubclass(kind, OSError)
        with naming_file(self._boxes.path), ExitStack() as later:
            # After the video, whatever becomes of it: on a full disk its space is then free.
            later.callback(self._boxes.__exit__, *(_KEEP if finished or disk_failed else _DISCARD))
            self._video.__exit__(*(_KEEP if finished else _DISCARD))
        if finished:
            sheet, plot = self._folder / 'contact_sheet.png', self._folder / 'scores.png'
            with naming_file(sheet):
                save_picture(sheet, self._sheet.image())
            with naming_file(plot):
                plot_scores(plot, self._scores, self._states)


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Have an OSError of a block that names no file, as that of a full disk, name this one."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise FileError(
            f'{path}: cannot be written ({error.strerror}); free space, or pass another folder'
        ) from error
