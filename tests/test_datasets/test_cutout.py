# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of pasting cut-outs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from synthetic_corpus import find_green

from tlpg_mmtrack.datasets.transforms.pasting import Cutout, cutout_of
from tlpg_mmtrack.datasets.transforms.photometric import motion_kernel
from tlpg_mmtrack.ops.crop import bounding_box, linear_map, map_points, place_matrix


@pytest.fixture
def green_box() -> Cutout:
    """A green rectangle on red, outlined a little inside its rim."""
    image = np.full((60, 80, 3), (0, 0, 255), dtype=np.uint8)
    image[10:50, 10:70] = (0, 255, 0)
    outline = np.array([[14, 14], [66, 14], [66, 46], [14, 46]], dtype=np.float32)
    return Cutout(image, [outline])


@pytest.mark.parametrize('degrees', [0.0, 20.0])
@pytest.mark.parametrize('size', [25.0, 57.6, 120.0])
def test_the_pixels_are_where_the_outline_says(green_box, degrees, size):
    canvas = np.full((288, 288, 3), 128, dtype=np.uint8)
    matrix = place_matrix(
        linear_map(-1.1, 0.9, degrees), green_box.points, np.array([120.3, 150.8]), size
    )
    green_box.paste(canvas, matrix, None)
    box = bounding_box(map_points(matrix, green_box.points))
    assert np.abs(find_green(canvas) - box).max() <= 1.5
    red = canvas[..., 2].astype(int) - canvas[..., 1]
    assert red.max() < 60, 'the surroundings of the object were pasted too'


def test_parts_of_an_outline_that_overlap_do_not_cancel(green_box: Cutout) -> None:
    doubled = Cutout(green_box.image, green_box.outline * 2)
    canvas = np.full((100, 100, 3), 128, dtype=np.uint8)
    matrix = place_matrix(linear_map(1.0, 1.0), doubled.points, np.array([50.0, 50.0]), 40.0)
    doubled.paste(canvas, matrix, None)
    assert canvas[50, 50].tolist() == [0, 255, 0]


def test_off_the_canvas_nothing_changes(green_box: Cutout) -> None:
    canvas = np.full((100, 100, 3), 128, dtype=np.uint8)
    matrix = place_matrix(linear_map(1.0, 1.0), green_box.points, np.array([300.0, -90.0]), 40.0)
    green_box.paste(canvas, matrix, None)
    assert (canvas == 128).all()


def test_motion_blur_smears_along_its_direction_about_the_same_centre(green_box: Cutout) -> None:
    sharp, blurred = (np.zeros((120, 120, 3), dtype=np.uint8) for _ in range(2))
    matrix = place_matrix(linear_map(1.0, 1.0), green_box.points, np.array([60.0, 60.0]), 30.0)
    green_box.paste(sharp, matrix, None)
    green_box.paste(blurred, matrix, motion_kernel(15, 0.0))
    extents = []
    for canvas in (sharp, blurred):
        rows, columns = np.nonzero(canvas[..., 1] > 20)
        extents.append((np.ptp(rows), np.ptp(columns), columns.mean(), rows.mean()))
    assert abs(extents[1][0] - extents[0][0]) <= 1
    assert 10 <= extents[1][1] - extents[0][1] <= 16
    np.testing.assert_allclose(extents[1][2:], extents[0][2:], atol=0.6)


def test_a_cutout_is_read_along_its_mask_or_as_its_box(background: dict) -> None:
    assert bounding_box(cutout_of(background).points).tolist() == [149.5, 99.5, 189.5, 139.5]
    background['outlines'] = [[]]
    background['bboxes'][0, 2] = 200.0
    assert bounding_box(cutout_of(background).points).tolist() == [149.5, 99.5, 199.5, 139.5]


def test_an_absent_or_unreadable_object_is_none(background: dict) -> None:
    background['bboxes_isvalid'][0] = False
    assert cutout_of(background) is None
    background['bboxes_isvalid'][0] = True
    background['img_paths'] = ['missing.png']
    with pytest.warns(UserWarning, match=r'missing\.png'):
        assert cutout_of(background) is None


def test_recolouring_leaves_the_original_alone(green_box: Cutout) -> None:
    table = np.zeros((256, 1, 3), dtype=np.uint8)
    before = green_box.image.copy()
    assert (green_box.recolored(table).image == 0).all()
    np.testing.assert_array_equal(green_box.image, before)
    assert cv2.LUT(before, table).shape == before.shape
