# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of occluders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tlpg_mmtrack.datasets import PasteOccluders


@pytest.fixture
def crops(make_sample: Callable[..., dict], background: dict) -> dict:
    """Four grey crops with the target's box in the middle, and the occluder's sequence."""
    sample = make_sample()
    sample['img'] = [np.full((288, 288, 3), 128, dtype=np.uint8) for _ in range(4)]
    sample['gt_bboxes'] = [np.array([[110.0, 120.0, 180.0, 165.0]], np.float32) for _ in range(4)]
    sample['other'] = background
    return sample


@pytest.mark.parametrize('masked', [True, False])
def test_a_part_of_the_target_is_hidden_in_search_frames(crops: dict, masked: bool) -> None:
    if not masked:
        crops['other']['outlines'] = [[]]
    for _ in range(10):
        crops['img'] = [np.full((288, 288, 3), 128, dtype=np.uint8) for _ in range(4)]
        results = PasteOccluders(prob=1.0).transform(crops)
        hidden = [(image != 128).any(axis=-1) for image in results['img']]
        assert not hidden[0].any()
        assert not hidden[1].any()
        for mask in hidden[2:]:
            assert 0.02 < mask[120:165, 110:180].mean() < 0.75
    np.testing.assert_array_equal(results['gt_bboxes'][2], [[110, 120, 180, 165]])


def test_probability_zero_hides_nothing(crops: dict) -> None:
    results = PasteOccluders(prob=0.0).transform(crops)
    assert all((image == 128).all() for image in results['img'])


def test_without_a_visible_object_nothing_is_hidden(crops: dict) -> None:
    crops['other']['visible'] = np.array([False])
    results = PasteOccluders(prob=1.0).transform(crops)
    assert all((image == 128).all() for image in results['img'])
