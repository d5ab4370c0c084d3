# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""OpenCV's trackers behind the harness's protocol."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from baselines.opencv import FACTORIES, OpenCVTracker
from fake_model import white_square


class Stub:
    """Stands in for one of OpenCV's trackers: finds the target in every other frame."""

    def __init__(self) -> None:
        self.answers = [(True, (5, 6, 7, 8)), (False, (0, 0, 0, 0))]

    def init(self, frame: np.ndarray, box: tuple[int, ...]) -> None:
        assert all(type(value) is int for value in box)
        self.started = box

    def update(self, frame: np.ndarray) -> tuple[bool, tuple[int, ...]]:
        return self.answers.pop(0)


@pytest.mark.parametrize('name', sorted(FACTORIES))
def test_follows_a_square(name: str) -> None:
    if not hasattr(cv2, FACTORIES[name]):
        pytest.skip(f'this OpenCV has no {name}; it is in opencv-contrib-python')
    background = np.random.default_rng(0).integers(0, 120, (120, 160, 3), dtype=np.uint8)
    tracker = OpenCVTracker(name)
    cv2.setRNGSeed(0)
    tracker.start(np.maximum(background, white_square(40)), np.array([40.0, 40, 20, 20]))
    box = [tracker.step(np.maximum(background, white_square(x))) for x in (42, 44, 46)][-1]
    assert box.shape == (4,)
    assert abs(box[:2] - (46, 40)).max() < 6


def test_the_last_box_stays_where_the_target_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, FACTORIES['mil'], Stub)
    tracker = OpenCVTracker('mil')
    tracker.start(white_square(0), np.array([1.6, 2.4, 0.3, 5.0]))
    assert tracker._tracker.started == (2, 2, 1, 5)
    assert tracker.step(white_square(0)).tolist() == [5, 6, 7, 8]
    assert tracker.step(white_square(0)).tolist() == [5, 6, 7, 8]
    assert tracker.identity() == {'tracker': 'mil', 'opencv': cv2.__version__}


def test_a_build_that_lacks_it_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, FACTORIES['csrt'], raising=False)
    with pytest.raises(
        ImportError, match=r"'csrt': this OpenCV, .*opencv-contrib-python.*PYTHONPATH"
    ):
        OpenCVTracker('csrt')
    with pytest.raises(ValueError, match='must be one of'):
        OpenCVTracker('boosting')
