# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The boxes that tools/demo.py starts from: one without a name, or several by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlpg_mmtrack.apis.inputs import check_box
from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import InputError

Boxes = Any
"""One box (x, y, width, height), or a dict of them by name."""


def named_boxes(boxes: Sequence[Sequence[float]] | None) -> Boxes | None:
    """What --box gave: a single one has no name."""
    if not boxes:
        return None
    if len(boxes) == 1:
        return boxes[0]
    return {f'object {number}': box for number, box in enumerate(boxes, start=1)}


def read_boxes(path: Path) -> dict[str, Any]:
    """Read a file of boxes by name.

    Raises:
        InputError: If it cannot be read, or holds none.
    """
    example = 'write such as {"car": [120, 80, 64, 48], "dog": [10, 20, 30, 40]}'
    try:
        boxes = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise InputError(f'--boxes: {path} cannot be read ({error}); {example}') from error
    if not isinstance(boxes, dict) or not boxes:
        raise InputError(f'--boxes: {path} names no box; {example}')
    return boxes


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
