# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the affine geometry of training crops."""

from __future__ import annotations

import numpy as np
import pytest

from tlpg_mmtrack.ops import crop
from tlpg_mmtrack.ops.crop import linear_map


@pytest.mark.parametrize('degrees', [0.0, 30.0, -75.0])
@pytest.mark.parametrize('mirror', [1.0, -1.0])
def test_an_object_is_placed_where_and_as_large_as_asked(degrees: float, mirror: float) -> None:
    points = np.array([[10.0, 20.0], [60.0, 25.0], [40.0, 50.0]])
    linear = linear_map(mirror * 1.3, 0.7, degrees)
    matrix = crop.place_matrix(linear, points, np.array([100.0, 80.0]), 57.6)
    box = crop.bounding_box(crop.map_points(matrix, points))
    np.testing.assert_allclose((box[:2] + box[2:]) / 2.0, [100.0, 80.0], atol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.prod(box[2:] - box[:2])), 57.6, atol=1e-9)
    assert np.sign(np.linalg.det(matrix[:, :2])) == mirror


def test_rotation_turns_right_into_down() -> None:
    linear = linear_map(2.0, 1.0, 90.0)
    np.testing.assert_allclose(linear @ [1.0, 0.0], [0.0, 2.0], atol=1e-12)


def test_corners_and_bounding_box_are_inverse() -> None:
    box = np.array([3.0, 4.0, 10.5, 20.0])
    np.testing.assert_array_equal(crop.bounding_box(crop.box_corners(box)), box)
