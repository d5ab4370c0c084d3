# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the outlines of objects."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from tlpg_mmtrack.datasets.tracking_image_dataset import outline_of
from tlpg_mmtrack.ops.crop import bounding_box
from tlpg_mmtrack.utils.errors import InputError


def test_polygons_are_kept_and_fragments_dropped() -> None:
    outline = outline_of([[1, 2, 5, 2, 5, 6], [7, 7, 8, 8]], 10, 10)
    assert len(outline) == 1
    np.testing.assert_array_equal(outline[0], [[1, 2], [5, 2], [5, 6]])


@pytest.mark.parametrize('compressed', [True, False])
def test_run_length_codes_become_polygons(compressed: bool) -> None:
    mask = np.zeros((20, 30), dtype=np.uint8)
    mask[5:15, 8:25] = 1
    if compressed:
        code = coco_mask.encode(np.asfortranarray(mask))
    else:
        flat = mask.flatten(order='F')
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
        code = dict(size=[20, 30], counts=counts)
    points = np.concatenate(outline_of(code, 20, 30))
    # The object covers 8 to 25 and 5 to 15; the outline passes through its outermost pixels.
    np.testing.assert_array_equal(bounding_box(points), [8.5, 5.5, 24.5, 14.5])


@pytest.mark.parametrize('empty', [None, [], {}])
def test_no_mask_is_no_polygon(empty: object) -> None:
    assert outline_of(empty, 10, 10) == []


@pytest.mark.parametrize('code', [dict(size=[30, 20], counts=[600]), dict(size=[20, 30])])
def test_a_code_of_another_image_is_refused(code: dict) -> None:
    with pytest.raises(InputError, match=r'run-length code needs counts and size \[20, 30\]'):
        outline_of(code, 20, 30)


@pytest.mark.parametrize(
    ('segmentation', 'message'),
    [
        (dict(size=[20, 30], counts=[None, 600]), 'not supported'),
        (dict(size=[20, 30], counts=[-5, 605]), 'counts must not be negative'),
        # What the counts leave over would be filled with whatever is in memory.
        (dict(size=[20, 30], counts=[5, 5]), 'add up to the 600 pixels .* got a sum of 10'),
        (dict(size=[20, 30], counts=7), 'int'),
        ([[1, 2, 3]], 'cannot reshape'),
        ([dict(x=1)], 'dict'),
        ('1 2 3', 'cannot reshape'),
    ],
)
def test_a_malformed_segmentation_is_named(segmentation: object, message: str) -> None:
    with pytest.raises(InputError, match=f'segmentation: .*{message}.*; give a list of polygons'):
        outline_of(segmentation, 20, 30)
