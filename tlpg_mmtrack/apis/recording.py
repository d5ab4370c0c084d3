# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A tracking run as files: annotated video, boxes, contact sheet, plot of the scores."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tlpg_mmtrack.structures import TrackingResult

from .visualization import ContactSheet, draw_result, plot_scores, save_picture
from .writers import BoxWriter, VideoFileWriter, naming_file


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
        self._results: list[TrackingResult] = []
        self._blank: np.ndarray | None = None
        self._video = VideoFileWriter(folder / 'tracked.mp4', fps)
        self._boxes = BoxWriter(folder / 'boxes.csv')

    def __len__(self) -> int:
        return len(self._results)

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
        self._boxes.write(index, result)
        self._video.write(picture)
        self._sheet.add(picture)
        self._results.append(result)
        return picture

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        started = bool(self._results)
        finished = started and (kind is None or issubclass(kind, KeyboardInterrupt))
        disk_failed = started and kind is not None and issubclass(kind, OSError)
        with ExitStack() as later:
            # After the video, whatever becomes of it: on a full disk its space is then free.
            later.callback(self._boxes.close, finished or disk_failed)
            self._video.close(finished)
        if finished:
            sheet, plot = self._folder / 'contact_sheet.png', self._folder / 'scores.png'
            with naming_file(sheet):
                save_picture(sheet, self._sheet.image())
            with naming_file(plot):
                plot_scores(plot, self._results)
