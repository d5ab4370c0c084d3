# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is followed beside the target is not taken for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from moving_target import MovingTarget, iou

from tlpg_mmtrack.models.trackers.localization import Localization
from tlpg_mmtrack.models.trackers.look_alikes import LookAlikes, Peaks, peak_cells
from tlpg_mmtrack.structures import TrackingState

SIZE = 10.0
"""Of the target, in frame pixels; a cell is one of them."""
TARGET, OTHER = (20, 20), (20, 32)
"""(row, column)."""


def seen(**scores: float) -> Peaks:
    """Peaks at cells named like r20c32, the highest first."""
    pairs = sorted(scores.items(), key=lambda pair: -pair[1])
    cells = np.array([[int(part) for part in name[1:].split('c')] for name, _ in pairs])
    return Peaks(cells, np.array([score for _, score in pairs]), cells[:, ::-1].astype(float))


def top(peaks: Peaks) -> Localization:
    """What a map says that only knows the highest peak."""
    return Localization(tuple(peaks.cells[0]), float(peaks.scores[0]), TrackingState.NORMAL)


@pytest.fixture
def known() -> LookAlikes:
    """A look-alike 1.2 target sizes to the right of the target."""
    look_alikes = LookAlikes()
    look_alikes.remember(seen(r20c20=0.9, r20c32=0.6, r2c2=0.2), 0.9, np.array([20.0, 20]), SIZE)
    return look_alikes


class TestSeparate:
    def find(self, look_alikes: LookAlikes, peaks: Peaks) -> Localization:
        return look_alikes.separate(top(peaks), peaks, np.array([20.0, 20]), SIZE)

    def test_the_target_stays(self, known):
        peaks = seen(r20c21=0.8, r20c32=0.6)
        assert self.find(known, peaks) == top(peaks)

    def test_a_look_alike_of_a_higher_score_is_passed_over(self, known):
        place = self.find(known, seen(r21c34=0.9, r20c21=0.5))
        assert (tuple(place.cell), place.state) == ((20, 21), TrackingState.HARD_NEGATIVE)
        assert (place.score, place.second) == (0.5, 0.9)

    @pytest.mark.parametrize('faint', [dict(r20c21=0.2), dict(r2c2=0.8), {}])
    def test_a_look_alike_alone_is_not_the_target(self, known, faint):
        """Nor is what is faint, or far away."""
        assert self.find(known, seen(r20c33=0.9, **faint)).state is TrackingState.NOT_FOUND

    def test_what_was_faint_is_no_look_alike(self, known):
        peaks = seen(r2c2=0.9)
        assert self.find(known, peaks) == top(peaks)

    def test_while_lost_they_are_followed_but_not_for_long(self, known):
        for step in range(1, 5):
            known.follow(seen(**{f'r20c{32 + 4 * step}': 0.9}), SIZE)
        peaks = seen(r20c50=0.9)
        assert self.find(known, peaks).state is TrackingState.NOT_FOUND
        known.follow(peaks, SIZE)
        assert self.find(known, peaks) == top(peaks)

    def test_an_unseen_one_is_remembered_where_it_was(self, known):
        known.follow(None, SIZE)
        known.follow(seen(r2c2=0.4), SIZE)
        assert self.find(known, seen(r20c32=0.9)).state is TrackingState.NOT_FOUND
        known.forget()
        assert self.find(known, seen(r20c32=0.9)).state is TrackingState.NORMAL


def test_peaks_are_the_local_maxima_highest_first():
    scores = np.random.default_rng(0).uniform(size=(12, 16)).astype(np.float32)
    padded = np.pad(scores, 1, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(2, 3))
    cells = np.argwhere((scores == windows) & (scores >= 0.8)).tolist()
    expected = sorted(cells, key=lambda cell: -scores[tuple(cell)])
    assert len(expected) > 6
    assert peak_cells(scores, 0.8).tolist() == expected[:6]
    assert peak_cells(np.full((4, 4), np.nan, np.float32), 0.1).shape == (0, 2)


@pytest.mark.parametrize('remembers', [True, False])
def test_a_twin_is_not_followed_when_the_target_is_gone(model, monkeypatch, remembers):
    """It stands beside the target, which then vanishes for four frames."""
    if not remembers:
        monkeypatch.setattr(LookAlikes, 'remember', lambda *_: None)
    monkeypatch.setattr(model, 'options', replace(model.options, confidence=dict(bias=3.0)))
    clip, twin = (MovingTarget(0, start=start, step=(1, 0)) for start in ((60, 70), (150, 70)))
    target = model.start(clip[0], clip.box(0))
    for index in range(1, 10):
        result = model.step(twin.draw(clip[index], index), target)
        assert iou(result.box, clip.box(index)) > 0.5
    results = [model.step(twin[index], target) for index in range(10, 14)]
    lost = [result.state is TrackingState.NOT_FOUND for result in results]
    assert all(lost) if remembers else not any(lost)
    result = model.step(twin.draw(clip[14], 14), target)
    assert (iou(result.box, clip.box(14)) > 0.5) == remembers
