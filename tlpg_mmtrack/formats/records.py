# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The boxes of one video, whatever file they come from or go to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tlpg_mmtrack.structures import TrackingState
from tlpg_mmtrack.utils.errors import InputError

UNNAMED = 'target'  #: Target of a file that holds one and does not name it.
_STATES = {state.value for state in TrackingState}


@dataclass(frozen=True)
class BoxRecord:
    """Where one target is in one frame.

    Score, confidence and state, a value of :class:`~tlpg_mmtrack.structures.TrackingState`, are
    the tracker's; None where the file has none.
    """

    frame: int  #: From 0.
    target: str
    box: tuple[float, float, float, float]  #: (x, y, width, height) in frame pixels, 0-based.
    score: float | None = None
    confidence: float | None = None
    state: str = TrackingState.NORMAL.value

    @property
    def visible(self) -> bool:
        """False where the tracker lost the target; the box is then the last one known."""
        return self.state != TrackingState.NOT_FOUND.value

    @property
    def certainty(self) -> float:
        """The one number of formats that have one: the confidence, else the score, else 1."""
        return next((x for x in (self.confidence, self.score) if x is not None), 1.0)


@dataclass(frozen=True)
class VideoBoxes:
    """The boxes of one video; None, or an empty name, is what the file does not say."""

    name: str  #: File name of the video.
    records: tuple[BoxRecord, ...]  #: By target in the order of first frames, then by frame.
    size: tuple[int, int] | None = None  #: (width, height) of a frame, in pixels.
    fps: float | None = None  #: Frames a second.
    frame_count: int | None = None

    @property
    def targets(self) -> dict[str, dict[int, BoxRecord]]:
        """For each target its records by frame."""
        targets: dict[str, dict[int, BoxRecord]] = {}
        for record in self.records:
            targets.setdefault(record.target, {})[record.frame] = record
        return targets

    @property
    def length(self) -> int:
        """Number of frames; up to the last box where it is not known."""
        return self.frame_count or max((record.frame for record in self.records), default=-1) + 1

    def starts(self) -> dict[str, BoxRecord]:
        """For each target the first record that shows it: where to start tracking."""
        starts: dict[str, BoxRecord] = {}
        for record in self.records:
            if record.visible:
                starts.setdefault(record.target, record)
        return starts

    def only(self, target: str | None) -> VideoBoxes:
        """One target, by name, or None for the only one; an InputError if there is no such one."""
        names = list(self.targets)
        if target is None and len(names) == 1:
            return self
        if target not in names:
            raise InputError(
                f'target: {"none is named" if target is None else f"no {target!r} here"}; '
                f'pass one of {", ".join(names) or "a file with boxes"}'
            )
        records = tuple(record for record in self.records if record.target == target)
        return replace(self, records=records)

    def known_size(self, format_name: str) -> tuple[int, int]:
        """The frame's size, for a format that needs it; an InputError if it is not known."""
        if self.size is None:
            raise InputError(
                f'size: {format_name} needs the size of the frames, which the boxes do not come '
                'with; pass the video (--video) or the size (--size WIDTH HEIGHT)'
            )
        return self.size


@dataclass
class Records:
    """Collects and checks the records of a file, which errors name."""

    path: Path
    _records: dict[tuple[str, int], BoxRecord] = field(default_factory=dict)

    def add(
        self,
        where: str,
        frame: float,
        target: str,
        box: Sequence[float],
        score: float | None = None,
        confidence: float | None = None,
        state: str = TrackingState.NORMAL.value,
    ) -> None:
        """Add a record; ``where`` is the line or element it stands in.

        An InputError if a number is not finite or out of its range, or the target has a box in
        this frame already.
        """
        numbers = [*box, frame, *(x for x in (score, confidence) if x is not None)]
        finite = all(isinstance(x, (int, float)) and math.isfinite(x) for x in numbers)
        if len(box) != 4 or not finite or min(box[2:]) <= 0:
            shown = ', '.join(map(str, box))
            raise self.error(where, f'box ({shown}) must be four finite numbers with an area')
        if frame < 0 or frame != int(frame):
            raise self.error(where, f'frame {frame} must be a whole number from the first on')
        if state not in _STATES:
            raise self.error(where, f'state {state!r} must be one of {", ".join(sorted(_STATES))}')
        frame = int(frame)
        if (target, frame) in self._records:
            raise self.error(where, f'a second box of {target!r} in frame {frame}; leave one out')
        box = tuple(map(float, box))
        self._records[target, frame] = BoxRecord(frame, target, box, score, confidence, state)

    def error(self, where: str, problem: str) -> InputError:
        """An error that names the file and the line or element."""
        return InputError(f'{self.path}, {where}: {problem}')

    def sorted(self) -> tuple[BoxRecord, ...]:
        """All records, in the order of :class:`VideoBoxes`."""
        by_frame = sorted(self._records.values(), key=lambda record: record.frame)
        targets = list(dict.fromkeys(record.target for record in by_frame))
        return tuple(sorted(by_frame, key=lambda record: targets.index(record.target)))


def rounded(values: Sequence[float]) -> list[float]:
    """Numbers as they are written: to a ten thousandth, as in boxes.csv."""
    return [round(float(value), 4) for value in values]


def unique_names(labels: dict[Any, str]) -> dict[Any, str]:
    """Names of targets by their numbers: the label, with the number where targets share one."""
    shared = [label for label in labels.values() if list(labels.values()).count(label) > 1]
    return {
        number: f'{label} {number}' if label in shared else label
        for number, label in labels.items()
    }
