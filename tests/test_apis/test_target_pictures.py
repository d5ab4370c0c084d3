# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the pictures of several targets."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tlpg_mmtrack.apis.target_pictures import draw_targets, plot_targets, target_colour
from tlpg_mmtrack.structures import TrackingResult, TrackingState

BLACK = np.zeros((480, 640, 3), np.uint8)


def result(x: float, state: TrackingState = TrackingState.NORMAL) -> TrackingResult:
    return TrackingResult(np.array([x, 200.0, 100, 80]), 0.5, state)


def bgr(position: int) -> list[int]:
    colour = target_colour(position)
    return [int(colour[start : start + 2], 16) for start in (5, 3, 1)]


def count(picture: np.ndarray, position: int) -> int:
    return int((picture == bgr(position)).all(axis=2).sum())


def test_each_has_its_colour_whoever_is_there():
    both = draw_targets(BLACK, {'a': result(50), 'b': result(300)}, 7, ['a', 'b'])
    second = draw_targets(BLACK, {'b': result(300)}, 7, ['a', 'b'])
    assert count(both, 0) > 0 and count(both, 1) == count(second, 1) > 0
    assert count(second, 0) == 0
    assert BLACK.max() == 0


def test_a_lost_one_is_dashed():
    found = draw_targets(BLACK, {'a': result(50)}, 0, ['a'])
    lost = draw_targets(BLACK, {'a': result(50, TrackingState.NOT_FOUND)}, 0, ['a'])
    # Below the tags, which differ.
    edge = slice(210, 278)
    assert 0 < count(lost[edge], 0) < count(found[edge], 0)


@pytest.mark.parametrize('x', [-90, 600, 10_000])
def test_tags_stay_inside(x):
    picture = draw_targets(BLACK, {'Straßenbahn': result(x)}, 0, ['Straßenbahn'])
    assert count(picture, 0) > 300


def test_colours_differ_and_repeat():
    assert len({target_colour(position) for position in range(8)}) == 8
    assert target_colour(9) == target_colour(1)


def test_plot_has_gaps_and_every_colour(tmp_path):
    results = {
        'a': {index: result(50) for index in range(30)},
        'b': {index: result(50) for index in (*range(5), *range(20, 30))},
    }
    plot_targets(tmp_path / 'plot.png', results)
    plot_targets(tmp_path / 'one.png', {'a': results['a']})
    picture = cv2.imread(str(tmp_path / 'plot.png'))
    assert count(picture, 0) > 0 and count(picture, 1) > 0
    assert count(cv2.imread(str(tmp_path / 'one.png')), 1) == 0
