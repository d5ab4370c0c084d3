# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The boxes that tools/demo.py starts from: one without a name, or several by name."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tlpg_mmtrack.apis.multi_tracker import MultiTracker
from tlpg_mmtrack.formats import read_boxes_of_video
from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.inputs import check_box

Boxes = Any
"""One box (x, y, width, height), or a dict of them by name."""

logger = logging.getLogger(__name__)


@dataclass
class Starts:
    """Where tracking starts."""

    boxes: Boxes | None  #: The boxes started from so far; None where they are not known yet.
    frame: int = 0  #: Number of the frame that they are of.
    #: Boxes of more objects, by the number of a later frame.
    later: dict[int, dict[str, Any]] = field(default_factory=dict)

    def names(self) -> list[str] | None:
        """The names of all objects; None for one without a name."""
        more = [name for each in self.later.values() for name in each]
        return [*self.boxes, *more] if isinstance(self.boxes, dict) else None

    def add(
        self, tracker: MultiTracker, index: int, frame: np.ndarray | None
    ) -> dict[str, TrackingResult]:
        """Start on the objects of a frame; where it is corrupt, in the next."""
        boxes = self.later.pop(index, {})
        if boxes and frame is None:
            logger.warning('frame %d is corrupt; %s starts in the next', index, ', '.join(boxes))
            self.later[index + 1] = boxes | self.later.get(index + 1, {})
        if not boxes or frame is None:
            return {}
        checked = checked_boxes(boxes, frame)
        tracker.add(frame, checked)
        self.boxes = self.boxes | checked
        return as_results(checked)


def named_boxes(boxes: Sequence[Sequence[float]] | None) -> Boxes | None:
    """What --box gave: a single one has no name."""
    if not boxes:
        return None
    if len(boxes) == 1:
        return boxes[0]
    return {f'object {number}': box for number, box in enumerate(boxes, start=1)}


def read_starts(path: Path, source: Any) -> Starts:
    """Read a file of boxes by name, or one of another tool: the first box of each object.

    Args:
        path: The file.
        source: What is tracked in; a file of another tool has to be of it.

    Raises:
        InputError: If it cannot be read, holds none, or is of another video.
    """
    example = 'write such as {"car": [120, 80, 64, 48], "dog": [10, 20, 30, 40]}'
    if not path.is_file():
        raise InputError(f'--boxes: {path} is not a file; check the path')
    try:
        boxes = json.loads(path.read_text('utf-8-sig')) if path.suffix == '.json' else None
    except (OSError, ValueError) as error:
        raise InputError(f'--boxes: {path} cannot be read ({error}); {example}') from error
    if boxes == {}:
        raise InputError(f'--boxes: {path} names no box; {example}')
    if isinstance(boxes, dict) and not any(map(_has_objects, boxes.values())):
        return Starts(boxes)
    if isinstance(boxes, list) and not _has_objects(boxes):
        raise InputError(f'--boxes: {path} has boxes without names; {example}')
    video = source if Path(str(source)).exists() else None
    frames: dict[int, dict[str, Any]] = {}
    for name, record in read_boxes_of_video(path, video=video).starts().items():
        frames.setdefault(record.frame, {})[name] = record.box
    if not frames:
        raise InputError(f'--boxes: {path} holds no box; {example}')
    first = min(frames)
    return Starts(frames.pop(first), first, frames)


def _has_objects(value: Any) -> bool:
    """Whether it is of another tool's JSON: such a file's lists hold objects, not numbers."""
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_has_objects, value)))


def checked_boxes(boxes: Boxes, frame: np.ndarray) -> Boxes:
    """The boxes as arrays (4,).

    Raises:
        InputError: If one cannot be used in this frame.
    """
    size = (frame.shape[1], frame.shape[0])
    if not isinstance(boxes, dict):
        return check_box(boxes, size)
    checked = {}
    for name, box in boxes.items():
        try:
            checked[name] = check_box(box, size)
        except InputError as error:
            raise InputError(f'{name}: {error}') from error
    return checked


def as_results(boxes: Boxes) -> TrackingResult | dict[str, TrackingResult]:
    """What a tracker would answer for the first frame."""
    if isinstance(boxes, dict):
        return {name: as_results(box) for name, box in boxes.items()}
    return TrackingResult(boxes, 1.0, TrackingState.NORMAL)


def as_json(boxes: Boxes) -> dict[str, Any]:
    """The boxes' part of manifest.json."""
    if isinstance(boxes, dict):
        return {'boxes': {name: box.tolist() for name, box in boxes.items()}}
    return {'box': boxes.tolist()}
