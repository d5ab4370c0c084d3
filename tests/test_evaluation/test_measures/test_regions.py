# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Overlaps of regions, exact and in pixels."""

from __future__ import annotations

import numpy as np
import pytest

from tlpg_mmtrack.evaluation.measures.regions import corners, pixel_overlaps, polygon_overlaps

#: A square of side 10 and its own diamond, whose corners are the middles of the square's sides.
SQUARE = np.array([10.0, 20.0, 10.0, 10.0])
DIAMOND = np.array([15.0, 20.0, 20.0, 25.0, 15.0, 30.0, 10.0, 25.0])


def test_corners_of_boxes_and_quadrilaterals() -> None:
    result = corners([SQUARE, DIAMOND])
    assert result[0].tolist() == [[10, 20], [20, 20], [20, 30], [10, 30]]
    assert result[1].tolist() == DIAMOND.reshape(4, 2).tolist()
    assert corners([]).shape == (0, 4, 2)


@pytest.mark.parametrize('region', [np.ones(1), np.ones(6), np.array([1, 2, np.nan, 4])])
def test_corners_refuse_other_regions(region: np.ndarray) -> None:
    with pytest.raises(ValueError, match='region 1: must be 4 numbers'):
        corners([SQUARE, region])


def test_exact_overlaps() -> None:
    shifted = SQUARE + np.array([5, 0, 0, 0])
    first = corners([SQUARE, SQUARE, SQUARE, SQUARE * 0])
    second = corners([DIAMOND, shifted, SQUARE + 100, SQUARE * 0])
    assert polygon_overlaps(first, second) == pytest.approx([0.5, 1 / 3, 0.0, 0.0])


def test_exact_overlaps_within_an_image() -> None:
    # Inside, both are the same: they differ beyond the right border only.
    wider = SQUARE + np.array([0, 0, 7, 0])
    pair = corners([SQUARE]), corners([wider])
    assert polygon_overlaps(*pair, size=(20, 40)) == pytest.approx([1.0])
    assert polygon_overlaps(*pair) == pytest.approx([10 / 17])


def covered(region: np.ndarray, size: tuple[int, int]) -> set[tuple[int, int]]:
    """Pixels of a region, found one by one from what the docstring says."""
    points = np.floor(corners([region])[0])
    pixels = set()
    for row in range(size[1]):
        crossings = []
        for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if min(y1, y2) <= row <= max(y1, y2):
                crossings += [x1, x2] if y1 == y2 else [x1 + (row - y1) / (y2 - y1) * (x2 - x1)]
        if crossings:
            first, last = int(np.floor(min(crossings))), int(np.floor(max(crossings)))
            pixels |= {(x, row) for x in range(max(first, 0), min(last, size[0] - 1) + 1)}
    return pixels


def test_pixel_overlaps_count_pixels() -> None:
    generator = np.random.default_rng(3)
    size = (60, 45)
    places = generator.uniform(-10, 50, (40, 2))
    boxes = np.column_stack((places, generator.uniform(0, 20, (40, 2))))
    angles = np.sort(generator.uniform(0, 2 * np.pi, (40, 4)), axis=1)
    circle = np.stack((np.cos(angles), np.sin(angles)), axis=-1)
    quads = (places[:, None] + 6 + 14 * circle).reshape(40, 8)
    expected = []
    for box, quad in zip(boxes, quads, strict=True):
        first, second = covered(box, size), covered(quad, size)
        union = len(first | second)
        expected.append(len(first & second) / union if union else 0.0)
    assert pixel_overlaps(corners(boxes), corners(quads), size) == pytest.approx(expected)
    assert np.count_nonzero(expected) > 10


def test_pixel_overlap_includes_both_borders() -> None:
    first, second = corners([[10.2, 5.0, 2.4, 0.5]]), corners([[12.9, 5.7, 1.0, 0.2]])
    # 10, 11, 12 and 12, 13 in the one row 5.
    assert pixel_overlaps(first, second, (100, 100)) == pytest.approx([1 / 4])
    assert polygon_overlaps(first, second) == [0.0]


def test_pixels_outside_the_image_do_not_count() -> None:
    inside, beyond = corners([SQUARE]), corners([SQUARE + np.array([0, 0, 7, 0])])
    assert pixel_overlaps(inside, beyond, (21, 40)) == [1.0]
    assert pixel_overlaps(inside + 500, beyond + 500, (21, 40)) == [0.0]
    assert pixel_overlaps(inside, beyond) == pytest.approx([11 / 18])
    assert pixel_overlaps(inside[:0], beyond[:0], (21, 40)).shape == (0,)
