# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A video in which boxes are drawn at any frame, tracked, corrected, and tracked on."""

from __future__ import annotations

import json
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tlpg_tools.frame_reader import FrameReader
from tlpg_tools.recording import Recording

from tlpg_mmtrack.apis.multi_tracker import longest_waiting
from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import open_source
from tlpg_mmtrack.utils.inputs import check_box, check_frame

MAX_TARGETS = 16
MAX_NAME = 40
# Sessions may share a model, which two threads cannot run at once: it is traced as it runs.
_MODEL = threading.Lock()


@dataclass
class Target:
    """One object."""

    tracker: Tracker  #: What follows it.
    #: By frame, what the user said: the box, (4,), or None from where it is gone.
    marks: dict[int, np.ndarray | None] = field(default_factory=dict)
    first: int = 0  #: The first frame with a box.
    #: Of each frame from ``first`` on, as far as it was tracked; None where it is gone.
    results: list[TrackingResult | None] = field(default_factory=list)

    @property
    def next(self) -> int:
        """The first frame after those tracked."""
        return self.first + len(self.results)

    def mark(self, index: int, box: np.ndarray | None) -> None:
        """Take the user's word for a frame; what was tracked from there on is forgotten."""
        self.marks[index] = box
        self.first = min(key for key, value in self.marks.items() if value is not None)
        self.marks = {key: value for key, value in self.marks.items() if key >= self.first}
        del self.results[max(index - self.first, 0) :]

    def at(self, index: int) -> TrackingResult | None:
        """What is known of a frame."""
        if self.first <= index < self.next:
            return self.results[index - self.first]
        box = self.marks.get(index)
        return None if box is None else TrackingResult(box, 1.0, TrackingState.NORMAL)

    @property
    def goes_on(self) -> bool:
        """Whether the tracker finds it in the next frame: it is not marked there, nor gone."""
        return self.next not in self.marks and self.results[-1] is not None

    def step(self, index: int, frame: np.ndarray | None, search: bool) -> None:
        """Go on to frame ``index``, which is ``next``; ``search`` is for :meth:`Tracker.track`."""
        result = self.at(index)
        if self.goes_on:
            result = self.tracker.track(frame, search)
        elif result is not None:
            self.tracker.init(frame, result.box)
        self.results.append(result)


class TrackingSession:
    """Boxes drawn in a video at any frame, and what a tracker makes of them.

    A box starts an object or corrects it: its results from that frame on are forgotten, and
    :meth:`track` learns it anew there. Other objects keep theirs. One thread may track while
    others call the rest.

    Args:
        source: As :func:`~tlpg_mmtrack.utils.frames.open_source` takes it; no camera.
        tracker: Whose model, device and seed are used; the model may be shared.

    Attributes:
        frames: The frames, by number.
        targets: The objects, by name.

    Raises:
        InputError: If the source cannot be read, or is a camera.
    """

    def __init__(self, source: str | Path, tracker: Tracker) -> None:
        self.frames = FrameReader(open_source(source))
        self.targets: dict[str, Target] = {}
        self._tracker = tracker
        self._lock, self._busy = threading.Lock(), threading.Lock()
        self._paused = threading.Event()

    def frame(self, index: int) -> np.ndarray | None:
        """Frame ``index``, (H, W, 3) uint8, BGR; None where it is corrupt."""
        with self._lock:
            return self.frames[index]

    def draw(self, index: int, name: str, box: Any) -> None:
        """Start an object at a frame, or correct it there; tracking pauses.

        Args:
            index: Frame number.
            name: The object's; a new one adds an object.
            box: (x, y, width, height) in pixels of the frame.

        Raises:
            InputError: If there is no such frame, it is corrupt, the box lies outside it, the name
                is empty or long, or there are ``MAX_TARGETS`` objects.
        """
        name = _checked_name(name)
        if name not in self.targets and len(self.targets) == MAX_TARGETS:
            raise InputError(f'there are {MAX_TARGETS} objects already; remove one')
        self._check_index(index)
        frame = self.frame(index)
        if frame is None:
            raise InputError(f'frame {index} is corrupt; draw the box on another')
        height, width = check_frame(frame).shape[:2]
        checked = check_box(box, (width, height))
        with self._halted():
            if name not in self.targets:
                self.targets[name] = Target(self._tracker.sibling())
            self.targets[name].mark(index, checked)

    def rename(self, name: str, to: str) -> None:
        """Give an object another name; its colour stays.

        Raises:
            InputError: If there is no such object, or the name is taken, empty or long.
        """
        to = _checked_name(to)
        if name not in self.targets or to in self.targets:
            raise InputError(f'name: {name!r} cannot become {to!r}; choose another')
        with self._lock:
            items = list(self.targets.items())
            self.targets = {to if key == name else key: value for key, value in items}

    def remove(self, name: str, index: int = 0) -> None:
        """Say that an object is gone from a frame on; all of it where it starts no earlier.

        Raises:
            InputError: If there is no such object or frame.
        """
        self._check_index(index)
        if name not in self.targets:
            raise InputError(f'there is no object {name!r}')
        with self._halted():
            if index <= self.targets[name].first:
                del self.targets[name]
            else:
                self.targets[name].mark(index, None)

    def track(self) -> Iterator[int]:
        """Track every object from where it is to the end, or until :meth:`pause`.

        Yields:
            The number of each frame, once its results are there.

        Raises:
            InputError: If no box was drawn.
        """
        if not self.targets:
            raise InputError('no object yet; draw a box around one')
        if not self._busy.acquire(blocking=False):
            return
        try:
            self._paused.clear()
            while not self._paused.is_set():
                with self._lock:
                    index = min((each.next for each in self.targets.values()), default=None)
                    if index is None or index >= len(self.frames):
                        return
                    due = [each for each in self.targets.values() if each.next == index]
                    frame = self.frames[index]
                    turn = longest_waiting(each.tracker for each in due if each.goes_on)
                    with _MODEL:
                        for target in due:
                            target.step(index, frame, target.tracker is turn)
                yield index
        finally:
            self._busy.release()

    def pause(self) -> None:
        """Have :meth:`track` end after the frame at hand."""
        self._paused.set()

    def results(self, index: int) -> dict[str, TrackingResult]:
        """What is known of a frame, by object."""
        found = {name: target.at(index) for name, target in self.targets.items()}
        return {name: result for name, result in found.items() if result is not None}

    def save(self, path: Path) -> None:
        """Write what was tracked, as ``tools/demo.py`` does, into a zip file.

        Raises:
            InputError: If nothing was tracked yet.
            FileError: If a file cannot be written.
        """
        end = max((target.next for target in self.targets.values()), default=0)
        start = min((target.first for target in self.targets.values()), default=0)
        if end == start:
            raise InputError('nothing was tracked yet; draw a box, then track')
        # A reader of its own: the page goes on stepping through the other.
        frames = FrameReader(self.frames.source)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            fps = self.frames.source.fps
            with Recording(Path(folder), fps, self.targets) as recording:
                for index in range(start, end):
                    recording.add(index, frames[index], self.results(index))
            Path(folder, 'manifest.json').write_text(json.dumps(self._manifest(), indent=2))
            with zipfile.ZipFile(path, 'w') as archive:
                for file in sorted(Path(folder).iterdir()):
                    archive.write(file, file.name)

    def _manifest(self) -> dict[str, Any]:
        drawn = {
            name: {
                str(index): None if box is None else box.tolist()
                for index, box in sorted(target.marks.items())
            }
            for name, target in self.targets.items()
        }
        source = Path(self.frames.source.name).name
        return {**self._tracker.manifest(), 'source': source, 'drawn': drawn}

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self.frames):
            raise InputError(f'frame: {index} is not one of the {len(self.frames)}')

    def _halted(self) -> threading.Lock:
        """Pause, and keep :meth:`track` from its next frame while in the block."""
        self.pause()
        return self._lock


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise InputError(f'name: must have 1 to {MAX_NAME} characters, got {len(name)}')
    return name
