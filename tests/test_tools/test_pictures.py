# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the pictures."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from tlpg_tools.pictures import (
    STATE_COLOURS,
    ContactSheet,
    draw_result,
    draw_targets,
    plot_scores,
    plot_targets,
    save_picture,
    target_colour,
)

from tlpg_mmtrack.structures import TrackingResult, TrackingState


def result_at(box: tuple[float, ...], state: TrackingState) -> TrackingResult:
    return TrackingResult(np.array(box, dtype=np.float64), 0.5, state)


BLACK = np.zeros((480, 640, 3), np.uint8)


def target_at(x: float, state: TrackingState = TrackingState.NORMAL) -> TrackingResult:
    return TrackingResult(np.array([x, 200.0, 100, 80]), 0.5, state)


def bgr(position: int) -> list[int]:
    colour = target_colour(position)
    return [int(colour[start : start + 2], 16) for start in (5, 3, 1)]


def count(picture: np.ndarray, position: int) -> int:
    return int((picture == bgr(position)).all(axis=2).sum())


class TestDrawResult:
    @pytest.mark.parametrize('state', list(TrackingState)[:3])
    def test_box_has_the_colour_of_the_state(self, state):
        frame = np.full((480, 640, 3), 128, np.uint8)
        picture = draw_result(frame, result_at((200, 150, 100, 80), state), 3)
        assert picture.shape == frame.shape
        for x, y in ((250, 150), (250, 230), (200, 190), (300, 190)):
            assert tuple(picture[y, x]) == STATE_COLOURS[state]
        assert (picture[190, 250] == 128).all()
        assert (frame == 128).all()

    def test_the_box_of_a_lost_target_is_dashed(self):
        frame = np.full((480, 640, 3), 128, np.uint8)
        lost = TrackingState.NOT_FOUND
        picture = draw_result(frame, result_at((200, 150, 100, 80), lost), 3)
        for side in (picture[150, 205:295], picture[230, 205:295], picture[155:225, 200]):
            drawn = (side == STATE_COLOURS[lost]).all(axis=1)
            assert 0.4 < drawn.mean() < 0.8
            assert np.diff(drawn.astype(int)).any()

    def test_small_frames_are_enlarged_with_their_box(self):
        frame = np.full((144, 176, 3), 128, np.uint8)
        picture = draw_result(frame, result_at((50, 60, 40, 30), TrackingState.NORMAL), 0)
        assert picture.shape == (432, 528, 3)
        assert tuple(picture[180, 200]) == STATE_COLOURS[TrackingState.NORMAL]

    def test_box_beyond_the_frame(self):
        frame = np.zeros((480, 640, 3), np.uint8)
        result = result_at((-1e6, -1e6, 1e7, 1e7), TrackingState.NOT_FOUND)
        assert draw_result(frame, result, 0).shape == frame.shape


class TestContactSheet:
    def test_rows_are_as_many_as_are_needed(self):
        sheet = ContactSheet()
        for _ in range(5):
            sheet.add(np.zeros((50, 60, 3), np.uint8))
        assert sheet.image().shape == (480, 1280, 3)

    @pytest.mark.parametrize('count', [13, 250])
    def test_pictures_are_evenly_spaced_over_the_stream(self, count):
        sheet = ContactSheet(tiles=12)
        for index in range(count):
            sheet.add(np.full((240, 320, 3), index, dtype=np.uint8))
        image = sheet.image()
        shown = [int(image[120 + 240 * r, 160 + 320 * c, 0]) for r in range(3) for c in range(4)]
        steps = np.diff(shown)
        assert shown[0] == 0
        assert shown[-1] >= count * 0.92 - 1
        assert steps.min() > 0
        assert steps.max() - steps.min() <= max(1, count / 24)

    def test_memory_is_bounded(self):
        sheet, picture = ContactSheet(tiles=2), np.zeros((24, 32, 3), np.uint8)
        tracemalloc.start()
        for _ in range(1000):
            sheet.add(picture)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # Eight thumbnails of 320 x 240.
        assert held < 10 * 320 * 240 * 3


class TestPlotScores:
    def test_writes_a_picture_that_shows_lost_frames(self, tmp_path):
        normal, lost = TrackingState.NORMAL, TrackingState.NOT_FOUND
        for name, states in (('a.png', [normal] * 40), ('b.png', [normal] * 20 + [lost] * 20)):
            results = [TrackingResult(np.ones(4), 0.9, state) for state in states]
            plot_scores(tmp_path / name, results)
        one, other = (cv2.imread(str(tmp_path / name)) for name in ('a.png', 'b.png'))
        assert one.shape == other.shape == (360, 1080, 3)
        changed = (one != other).any(axis=2)[100:200]
        assert changed[:, 600:1000].mean() > 0.9
        assert changed[:, 200:500].mean() < 0.05
        assert sorted(file.name for file in tmp_path.iterdir()) == ['a.png', 'b.png']


def test_save_picture_round_trip(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    save_picture(tmp_path / 'a.png', picture)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'a.png')), picture)


class TestTargets:
    def test_each_has_its_colour_whoever_is_there(self):
        both = draw_targets(BLACK, {'a': target_at(50), 'b': target_at(300)}, 7, ['a', 'b'])
        second = draw_targets(BLACK, {'b': target_at(300)}, 7, ['a', 'b'])
        assert count(both, 0) > 0 and count(both, 1) == count(second, 1) > 0
        assert count(second, 0) == 0
        assert BLACK.max() == 0

    def test_a_lost_one_is_dashed(self):
        found = draw_targets(BLACK, {'a': target_at(50)}, 0, ['a'])
        lost = draw_targets(BLACK, {'a': target_at(50, TrackingState.NOT_FOUND)}, 0, ['a'])
        # Below the tags, which differ.
        edge = slice(210, 278)
        assert 0 < count(lost[edge], 0) < count(found[edge], 0)

    @pytest.mark.parametrize('x', [-90, 600, 10_000])
    def test_tags_stay_inside(self, x):
        picture = draw_targets(BLACK, {'Straßenbahn': target_at(x)}, 0, ['Straßenbahn'])
        assert count(picture, 0) > 300

    def test_colours_differ_and_repeat(self):
        assert len({target_colour(position) for position in range(8)}) == 8
        assert target_colour(9) == target_colour(1)

    def test_plot_has_gaps_and_every_colour(self, tmp_path):
        results = {
            'a': {index: target_at(50) for index in range(30)},
            'b': {index: target_at(50) for index in (*range(5), *range(20, 30))},
        }
        plot_targets(tmp_path / 'plot.png', results)
        plot_targets(tmp_path / 'one.png', {'a': results['a']})
        picture = cv2.imread(str(tmp_path / 'plot.png'))
        assert count(picture, 0) > 0 and count(picture, 1) > 0
        assert count(cv2.imread(str(tmp_path / 'one.png')), 1) == 0
