# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What one visitor of tools/web.py has open, and what the page's player shows of it."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tlpg_tools.demo_clip import demo_clip
from tlpg_tools.pictures import target_colour
from tlpg_tools.tracking_session import Target, TrackingSession

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.structures import TrackingState
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.images import is_picture_name

DEMO = "the demo's clip"
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.mpg', '.mpeg', '.m4v', '.ts', '.wmv', '.gif')
# What a picture is worth over a tunnel: at most this long a side, and so often while tracking.
MAX_SIDE = 1280
SECONDS_PER_PICTURE = 0.15
# As many points of a chart as a wide screen can show.
MAX_POINTS = 600
SERIES = ('score', 'confidence')
HINT = 'Drag a box around an object.'


@dataclass
class Visit:
    """What one visitor has open."""

    tracker: Tracker  #: Whose model, device and seed are used; visitors share it.
    root: Path  #: Folder for what the visitor uploads and downloads.
    videos: Path | None = None  #: Folder whose videos the visitor may open; None for none.
    #: The video and its objects; None before one is chosen.
    session: TrackingSession | None = None
    index: int = 0  #: The frame that is shown.
    selected: str | None = None  #: The object that a drawn box belongs to; None for a new one.
    tracking: bool = False  #: Whether :meth:`track` is running.

    def __post_init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix='visit-', dir=self.root))

    def close(self) -> None:
        """Stop, and remove the visitor's files."""
        self.pause()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ------------------------------------------------------------- what the player shows

    def view(self) -> dict[str, Any] | None:
        """What the player shows now; None without a video."""
        session = self.session
        if session is None:
            return None
        picture, width, height = _encode(session.frame(self.index))
        colours = self._colours()
        return {
            'index': self.index,
            'count': len(session.frames),
            'image': picture,
            'width': width,
            'height': height,
            'boxes': [
                {
                    'name': name,
                    'colour': colours[name],
                    'box': result.box.tolist(),
                    'lost': result.state is TrackingState.NOT_FOUND,
                }
                for name, result in session.results(self.index).items()
            ],
            'targets': [{'name': name, 'colour': colours[name]} for name in session.targets],
            'selected': self.selected,
            'charts': self._charts(colours),
            'tracking': self.tracking,
            'progress': self._progress(),
            'hint': '' if session.targets else HINT,
        }

    def _colours(self) -> dict[str, str]:
        return {name: target_colour(i) for i, name in enumerate(self.session.targets)}

    def _charts(self, colours: dict[str, str]) -> dict[str, list[dict]]:
        targets = list(self.session.targets.items())
        return {
            series: [
                {
                    'colour': colours[name],
                    'runs': _runs(target, series),
                    'marks': sorted(target.marks),
                }
                for name, target in targets
            ]
            for series in SERIES
        }

    def _progress(self) -> float:
        targets = self.session.targets.values()
        frames = len(self.session.frames)
        return min((target.next / frames for target in list(targets)), default=0.0)

    # ------------------------------------------------------------- what the visitor does

    def open(self, name: str) -> None:
        """Show a video below the folder, or the demo's clip."""
        if not name:
            return
        path = demo_clip() if name == DEMO else path_below(self.videos, name)
        self._show(path)

    def upload(self, path: str) -> None:
        """Show an uploaded file; the one before is removed."""
        # Two visitors may upload the same file: each keeps a name of his own for it.
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        kept = folder / Path(path).name
        try:
            os.link(path, kept)
        except OSError:
            shutil.copyfile(path, kept)
        try:
            self._show(kept)
        except InputError:
            shutil.rmtree(folder)
            raise
        for other in set(self._folder.iterdir()) - {folder}:
            shutil.rmtree(other)

    def _show(self, path: Path) -> None:
        self.pause()
        session = TrackingSession(path, self.tracker)
        self.session, self.index, self.selected = session, 0, None

    def seek(self, index: int) -> None:
        """Show a frame; tracking pauses."""
        self.pause()
        self.index = min(max(int(index), 0), len(self.session.frames) - 1)

    def draw(self, index: int, box: Sequence[float]) -> None:
        """Take a box, of the selected object or of a new one."""
        names = self.session.targets
        name = self.selected or next(
            name for i in range(1, 99) if (name := f'object {i}') not in names
        )
        self.session.draw(index, name, box)
        self.index, self.selected = index, name

    def select(self, name: str | None) -> None:
        """Have the boxes drawn from now on belong to an object; None for a new one."""
        self.selected = name if name in self.session.targets else None

    def rename(self, name: str, to: str) -> None:
        """Give an object another name."""
        self.session.rename(name, to)
        self.selected = to.strip()

    def remove(self, name: str, index: int) -> None:
        """Say that an object is gone from a frame on."""
        self.session.remove(name, index)
        self.select(self.selected)

    def pause(self) -> None:
        """Have tracking end after the frame at hand."""
        if self.session is not None:
            self.session.pause()

    def track(self) -> Iterator[None]:
        """Track; a step for every picture that is worth sending."""
        session, sent = self.session, time.monotonic()
        self.tracking = True
        try:
            # At once: the first frame takes seconds to learn.
            yield
            for index in session.track():
                if session is not self.session:
                    return
                self.index = index
                if time.monotonic() - sent > SECONDS_PER_PICTURE:
                    yield
                    sent = time.monotonic()
        finally:
            self.tracking = False

    def save(self) -> str:
        """Write everything into a zip file; its path."""
        name = Path(self.session.frames.source.name).stem
        path = Path(tempfile.mkdtemp(dir=self._folder), f'{name}_tracked.zip')
        self.session.save(path)
        return str(path)


def _runs(target: Target, series: str) -> list[list[list[float]]]:
    """Lines of (frame, value), broken where the object is gone; of long ones the lowest values."""
    runs, line = [], []
    results = list(target.results)
    step = max(len(results) // MAX_POINTS, 1)
    for start in range(0, len(results), step):
        there = [
            (getattr(result, series), target.first + start + i)
            for i, result in enumerate(results[start : start + step])
            if result is not None
        ]
        if there:
            value, index = min(there)
            line.append([index, round(value, 3)])
        if line and (not there or start + step >= len(results)):
            runs.append(line)
            line = []
    return runs


def _encode(frame: np.ndarray | None) -> tuple[str, int, int]:
    """A picture for the browser, and the size of the frame; a grey one where it is corrupt."""
    if frame is None:
        frame = np.full((360, 640, 3), 60, np.uint8)
        where, white = (200, 190), (255, 255, 255)
        cv2.putText(frame, 'corrupt frame', where, cv2.FONT_HERSHEY_SIMPLEX, 1, white, 2)
    height, width = frame.shape[:2]
    scale = min(MAX_SIDE / max(height, width), 1.0)
    if scale < 1:
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f'data:image/jpeg;base64,{base64.b64encode(data).decode()}', width, height


def videos_below(folder: Path) -> list[str]:
    """Relative paths of the videos and the folders of pictures below a folder, in order."""
    found = []
    for parent, _, names in os.walk(folder):
        found += [Path(parent, name) for name in names if name.lower().endswith(VIDEOS)]
        if Path(parent) != folder and any(map(is_picture_name, names)):
            found.append(Path(parent))
    root = folder.resolve()
    inside = (path for path in found if path.resolve().is_relative_to(root))
    return sorted(str(path.relative_to(folder)) for path in inside)


def path_below(folder: Path | None, name: str) -> Path:
    """The path of a file that a visitor names.

    Raises:
        InputError: If it leads out of the folder, by a link for instance.
    """
    path = folder and (folder / name).resolve()
    if folder is None or not path.is_relative_to(folder.resolve()):
        raise InputError(f'{name} is not below the folder that this page shows')
    return path
