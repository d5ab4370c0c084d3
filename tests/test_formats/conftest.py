# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Boxes of two targets in the demo's clip, and the clip."""

from __future__ import annotations

from pathlib import Path

import pytest
from tlpg_tools.demo_clip import demo_clip

from tlpg_mmtrack.formats import BoxRecord, VideoBoxes

#: Of the clip.
SIZE, FPS, FRAMES = (176, 144), 30000 / 1001, 120


def boxes_of(target: str, frames: range, lost: int) -> list[BoxRecord]:
    """A box in each frame, as a tracker answers; lost in one of them."""
    return [
        BoxRecord(
            frame,
            target,
            (60.5 + frame, 36.25, 53.0, 65.125 - frame / 8),
            score=0.5 + frame / 64,
            state='not_found' if frame == lost else 'normal',
        )
        for frame in frames
    ]


@pytest.fixture
def clip() -> Path:
    """The demo's clip."""
    return demo_clip()


@pytest.fixture
def boxes(clip: Path) -> VideoBoxes:
    """Two targets; the second one is added at frame 3, and its boxes end after the first one's."""
    records = (*boxes_of('face', range(0, 8), lost=5), *boxes_of('hand', range(3, 10), lost=6))
    return VideoBoxes(clip.name, records, SIZE, FPS, FRAMES)


@pytest.fixture
def seen(boxes: VideoBoxes) -> dict[tuple[int, str], tuple[float, ...]]:
    """By frame and target, the boxes of targets that are not lost."""
    return {(r.frame, r.target): r.box for r in boxes.records if r.visible}
