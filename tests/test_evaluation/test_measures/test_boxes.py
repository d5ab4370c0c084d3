# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Overlaps and centre errors against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tlpg_mmtrack.evaluation.measures.boxes import (
    box_overlaps,
    center_errors,
    limit_to_image,
    usable,
)

BOX = np.array([[10.0, 20.0, 4.0, 8.0]])


@pytest.mark.parametrize(
    ('other', 'overlap'),
    [
        ((10, 20, 4, 8), 1.0),
        ((12, 20, 4, 8), 16 / 48),
        ((12, 24, 4, 8), 8 / 56),
        ((14, 20, 4, 8), 0.0),
        ((11, 22, 2, 4), 8 / 32),
        ((11, 22, -2, 4), 0.0),
        ((np.nan, 22, 2, 4), 0.0),
    ],
)
def test_overlap(other: tuple[float, ...], overlap: float) -> None:
    assert box_overlaps(np.array([other], dtype=float), BOX) == pytest.approx([overlap])


def test_two_empty_boxes_do_not_overlap() -> None:
    empty = np.array([[5.0, 5.0, 0.0, 0.0]])
    assert box_overlaps(empty, empty) == [0.0]


def test_center_error_in_pixels_and_in_sizes() -> None:
    other = np.array([[13.0, 24.0, 4.0, 8.0]])
    assert center_errors(other, BOX) == pytest.approx([5.0])
    assert center_errors(other, BOX, BOX[:, 2:]) == pytest.approx([np.hypot(3 / 4, 4 / 8)])


def test_center_error_is_infinite_without_a_place_or_a_unit() -> None:
    missing = np.full((1, 4), np.nan)
    assert center_errors(BOX, missing) == [np.inf]
    assert center_errors(BOX, BOX + 1, np.array([[0.0, 4.0]])) == [np.inf]


def test_limits_move_the_corner_and_cut_the_far_side() -> None:
    boxes = np.array([[-5.0, 10.0, 20.0, 10.0], [90.0, 40.0, 20.0, 30.0], [120.0, 5.0, 9.0, 9.0]])
    limited = limit_to_image(boxes, (100, 60))
    assert limited.tolist() == [[0, 10, 20, 10], [90, 40, 10, 20], [100, 5, 0, 9]]


def test_usable_boxes_are_finite_and_have_a_size() -> None:
    boxes = np.array([[1, 1, 2, 2], [1, 1, 0, 2], [1, 1, 2, -1], [np.nan, 1, 2, 2]])
    assert usable(boxes).tolist() == [True, False, False, False]
