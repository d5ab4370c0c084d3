# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""localize: every state, on score maps made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tlpg_mmtrack.models.trackers import TrackingOptions
from tlpg_mmtrack.models.trackers.localization import localize
from tlpg_mmtrack.structures import CellGrid, TrackingState

TARGET = (3.0, 4.0)
"""(height, width) in cells: no second peak counts within 3.3 rows and 4.4 columns."""


def _map(*peaks: tuple[int, int, float]) -> np.ndarray:
    scores = np.zeros((18, 18), dtype=np.float32)
    for row, column, score in peaks:
        scores[row, column] = score
    return scores


def _localize(scores: np.ndarray, middle: float = 8.5, **options):
    return localize(scores, TARGET, middle, TrackingOptions(**options))


class TestStates:
    def test_one_peak_is_normal(self):
        place = _localize(_map((9, 8, 0.9)))
        assert (place.cell, place.state) == ((9, 8), TrackingState.NORMAL)
        assert place.score == pytest.approx(0.9)

    def test_a_low_peak_is_not_found(self):
        scores = _map((9, 8, 0.2))
        lost = _localize(scores, not_found_threshold=0.25)
        assert lost.state is TrackingState.NOT_FOUND
        assert lost.score == pytest.approx(0.2)
        assert _localize(scores, not_found_threshold=0.1).state is TrackingState.NORMAL

    @pytest.mark.parametrize('value', [np.nan, 0.0, -1.0])
    def test_a_map_without_any_peak_is_not_found(self, value):
        assert _localize(np.full((18, 18), value)).state is TrackingState.NOT_FOUND

    def test_one_nan_among_peaks_is_not_found(self):
        place = _localize(_map((9, 8, 0.9), (2, 2, np.nan)))
        assert place.state is TrackingState.NOT_FOUND

    def test_an_infinite_peak_is_not_found(self):
        assert _localize(_map((9, 8, np.inf))).state is TrackingState.NOT_FOUND

    def test_a_second_peak_nearby_does_not_count(self):
        assert _localize(_map((9, 8, 0.9), (11, 11, 0.85))).state is TrackingState.NORMAL

    def test_a_weaker_second_peak_is_a_hard_negative(self):
        place = _localize(_map((9, 8, 0.9), (15, 8, 0.6)))
        assert (place.cell, place.state) == ((9, 8), TrackingState.HARD_NEGATIVE)

    def test_a_second_peak_below_the_not_found_threshold_is_none(self):
        scores = _map((9, 8, 0.4), (15, 8, 0.22))
        assert _localize(scores, not_found_threshold=0.25).state is TrackingState.NORMAL
        place = _localize(scores, not_found_threshold=0.2)
        assert place.state is TrackingState.HARD_NEGATIVE

    def test_an_equal_peak_far_away_is_a_hard_negative(self):
        """The nearer one is believed, whichever of the two is higher."""
        near, far = (9, 8), (2, 2)
        for near_score, far_score in ((0.9, 0.85), (0.85, 0.9)):
            place = _localize(_map((*near, near_score), (*far, far_score)))
            assert (place.cell, place.state) == (near, TrackingState.HARD_NEGATIVE)
            assert place.score == pytest.approx(near_score)

    def test_two_equal_peaks_both_far_are_uncertain(self):
        place = _localize(_map((2, 2, 0.9), (15, 15, 0.85)))
        assert (place.cell, place.state) == ((2, 2), TrackingState.UNCERTAIN)

    def test_two_equal_peaks_both_near_are_uncertain(self):
        options = dict(displacement=4.0)
        place = _localize(_map((9, 8, 0.85), (15, 8, 0.9)), **options)
        assert (place.cell, place.state) == ((15, 8), TrackingState.UNCERTAIN)


class TestMiddle:
    """Two alike peaks that lie symmetrically on the map, in a crop of 288 pixels."""

    SCORES = _map((9, 2, 0.8), (9, 15, 0.9))
    SIZE = (1.0, 1.0)

    @pytest.mark.parametrize(
        ('cell_offset', 'nearer'),
        [(0.0, 15), (7.5, None), (9.0, 2)],
        ids=['ResNet', 'symmetric', 'EfficientNet-Lite0'],
    )
    @pytest.mark.parametrize('swapped', [False, True])
    @pytest.mark.parametrize('transposed', [False, True])
    def test_the_peak_nearer_the_centre_of_the_crop_is_taken(
        self, cell_offset, nearer, swapped, transposed
    ):
        """Pixel 143.5: cell 8.97, 8.5 and 8.41; the peaks are 6.5 from the map's middle."""
        middle = CellGrid(16, cell_offset).middle(288)
        # Between the two distances; both are beyond it where they are equal.
        options = TrackingOptions(displacement=6.49)
        scores = self.SCORES.copy()
        if swapped:
            scores[9, [2, 15]] = scores[9, [15, 2]]
        expected = (9, nearer)
        if nearer is None:
            expected = np.unravel_index(scores.argmax(), scores.shape)
        if transposed:
            scores, expected = scores.T, expected[::-1]
        place = localize(scores, self.SIZE, middle, options)
        sure = TrackingState.UNCERTAIN if nearer is None else TrackingState.HARD_NEGATIVE
        assert (place.cell, place.state) == (expected, sure)


class TestBorders:
    @pytest.mark.parametrize('corner', [(0, 0), (0, 17), (17, 0), (17, 17)])
    def test_a_peak_in_a_corner(self, corner):
        place = _localize(_map((*corner, 0.9)))
        assert (place.cell, place.state) == (corner, TrackingState.NORMAL)

    def test_a_target_larger_than_the_map_leaves_no_room_for_a_second_peak(self):
        place = localize(_map((9, 9, 0.9), (0, 0, 0.9)), (40.0, 40.0), 8.5, TrackingOptions())
        assert place.state is TrackingState.NORMAL

    def test_the_map_is_not_changed(self):
        scores = _map((9, 8, 0.9), (15, 8, 0.6))
        before = scores.copy()
        _localize(scores)
        assert np.array_equal(scores, before)
