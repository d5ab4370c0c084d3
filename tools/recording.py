# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A tracking run as files: annotated video, boxes, contact sheet, plot of the scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tlpg_tools.pictures import (
    ContactSheet,
    draw_result,
    draw_targets,
    plot_scores,
    plot_targets,
    save_picture,
)
from tlpg_tools.writers import BoxWriter, VideoFileWriter, naming_file

from tlpg_mmtrack.structures import TrackingResult

Results = TrackingResult | Mapping[str, TrackingResult]


class Recording:
    """Writes ``tracked.mp4``, ``boxes.csv``, ``contact_sheet.png`` and ``scores.png``.

    A context manager. All four appear when the block is left, by Ctrl-C too, and hold the frames
    added so far; after an error, or where no frame was added, none appear. A full disk, or another
    ``OSError``, leaves the boxes.

    Args:
        folder: Existing folder to write to.
        fps: Frames a second of the video.
        targets: Names of the targets, in the order of their colours; None for a single one
            without a name.

    Raises:
        FileError: If a file cannot be written; it names the file.

    Example:
        >>> with Recording(Path('outputs'), fps=25.0) as recording:
        ...     for index, frame in frames:
        ...         recording.add(index, frame, tracker.track(frame))
    """

    def __init__(self, folder: Path, fps: float, targets: Iterable[str] | None = None) -> None:
        self._folder = folder
        self._sheet = ContactSheet()
        self._targets = None if targets is None else list(targets)
        self._results: dict[int, Results] = {}
        self._blank: np.ndarray | None = None
        self._video = VideoFileWriter(folder / 'tracked.mp4', fps)
        self._boxes = BoxWriter(folder / 'boxes.csv', named=targets is not None)

    def __len__(self) -> int:
        return len(self._results)

    def __enter__(self) -> Recording:
        return self

    def add(self, index: int, frame: np.ndarray | None, result: Results) -> np.ndarray:
        """Record one frame.

        Args:
            index: Frame number.
            frame: (H, W, 3) uint8, BGR; None, for a corrupt one, is shown black. The first frame
                cannot be None.
            result: The tracker's answer for it: by name, where the targets have names.

        Returns:
            The annotated picture.
        """
        if frame is None:
            frame = self._blank
        elif self._blank is None or self._blank.shape != frame.shape:
            self._blank = np.zeros_like(frame)
        if self._targets is None:
            picture = draw_result(frame, result, index)
            self._boxes.write(index, result)
        else:
            picture = draw_targets(frame, result, index, self._targets)
            for name, each in result.items():
                self._boxes.write(index, each, name)
        self._video.write(picture, index)
        self._sheet.add(picture)
        self._results[index] = result
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
                self._plot(plot)

    def _plot(self, path: Path) -> None:
        if self._targets is None:
            plot_scores(path, list(self._results.values()))
            return
        found = {name: {} for name in self._targets}
        for index, results in self._results.items():
            for name, result in results.items():
                found[name][index] = result
        plot_targets(path, {name: results for name, results in found.items() if results})
