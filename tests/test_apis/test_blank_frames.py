# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Where nothing can be seen, nothing is found: the shipped tracker on blank frames."""

from __future__ import annotations

import logging
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.models.trackers import TLPG
from tlpg_mmtrack.structures import TrackingState

BOX = (281, 58, 18, 17)
"""A piece of Subway's first frame whose filter also answers to black and to white."""
LEVELS = (0, 128, 255)


@pytest.fixture(scope='module')
def tracker(shipped: TLPG) -> Tracker:
    """The shipped tracker; each test starts it anew."""
    tracker = Tracker(deepcopy(shipped), 'cpu')
    # Nothing here depends on them, and they take most of the time.
    tracker.model.options = replace(tracker.model.options, warps=0)
    return tracker


@pytest.fixture(scope='module')
def frames(dev_data: Path) -> list[np.ndarray]:
    """The first frames of Subway, 352 x 288."""
    names = [f'{number:04d}.jpg' for number in (1, 2, 3)]
    return [cv2.imread(str(dev_data / 'data/Subway/img' / name)) for name in names]


def _blank(level: int, noise: float = 0.0) -> np.ndarray:
    """A frame of one grey level, with a camera's noise."""
    values = np.random.default_rng(0).normal(level, noise, (288, 352, 3))
    return values.round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize('noise', [0.0, 1.0])
def test_blank_frames_are_not_found_and_what_follows_them_is(tracker, frames, noise):
    tracker.init(frames[0], BOX)
    found = tracker.track(frames[0])
    assert found.state is TrackingState.NORMAL
    for level in LEVELS:
        for _ in range(5):
            result = tracker.track(_blank(level, noise))
            assert (result.state, result.score) == (TrackingState.NOT_FOUND, 0.0)
            np.testing.assert_array_equal(result.box, found.box)
        found = tracker.track(frames[0])
        assert found.state is TrackingState.NORMAL
        np.testing.assert_allclose(found.box, BOX, rtol=0, atol=4)


@pytest.mark.parametrize('level', LEVELS)
def test_a_target_that_cannot_be_seen_at_first_is_never_found(tracker, frames, level, caplog):
    with caplog.at_level(logging.WARNING):
        tracker.init(_blank(level), BOX)
    assert 'nothing can be seen around the box [281.0, 58.0, 18.0, 17.0]' in caplog.text
    for frame in [_blank(level), _blank(128, noise=3.0)] * 3 + frames:
        result = tracker.track(frame)
        assert (result.state, result.score) == (TrackingState.NOT_FOUND, 0.0)
        np.testing.assert_array_equal(result.box, BOX)


def test_a_faint_target_is_not_blank(tracker):
    """Two of 255 grey levels lighter than what is around it."""
    frame = _blank(128)
    frame[100:140, 140:180] += 2
    tracker.init(frame, (140, 100, 40, 40))
    result = tracker.track(frame)
    assert result.state is TrackingState.NORMAL
    np.testing.assert_allclose(result.box, (140, 100, 40, 40), rtol=0, atol=4)
