# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The measurement of memory: that it shows a leak, and that its video is as described."""

from __future__ import annotations

import memory
import numpy as np
import pytest


def test_growth_is_that_of_the_frames_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = memory.Meter(frames=100, every=10, leak=0)
    resident = iter([50.0, 90.0, *(100 + 0.03 * n for n in range(8))])
    monkeypatch.setattr(memory, 'resident_memory', lambda: next(resident) * 2**20)
    for _ in range(100):
        meter.count()
    assert [frame for frame, _ in meter.readings] == list(range(10, 101, 10))
    # 0.03 MiB in 10 frames.
    assert meter.growth(warm_up=30) == pytest.approx(3.0)
    assert meter.growth(warm_up=10) > 100


def test_a_leak_shows() -> None:
    """In blocks so large that none takes the place of memory freed before."""
    meter = memory.Meter(frames=8, every=1, leak=40 * 2**20)
    for _ in range(8):
        meter.count()
    assert meter.growth(warm_up=2) == pytest.approx(40_000, rel=0.1)


def test_the_video_repeats_itself_and_hides_its_target() -> None:
    video = memory.MadeUpVideo()
    background = video.frame(memory.PERIOD - 1)
    assert background.shape == (480, 640, 3)
    for index in (0, 57, 140):
        x, y, width, height = video.box(index)
        assert x >= 0 and y >= 0 and x + width <= 640 and y + height <= 480
        frame = video.frame(index)
        assert np.array_equal(frame, video.frame(index + memory.PERIOD))
        assert (frame != background)[y : y + height, x : x + width].mean() > 0.9
