# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of distractors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tlpg_mmtrack.datasets import PasteDistractors


@pytest.fixture
def crops(make_sample: Callable[..., dict]) -> dict:
    """Four grey crops with the target's box in the middle."""
    sample = make_sample()
    sample['img'] = [np.full((288, 288, 3), 128, dtype=np.uint8) for _ in range(4)]
    sample['gt_bboxes'] = [np.array([[110.0, 120.0, 180.0, 165.0]], np.float32) for _ in range(4)]
    return sample


def changed(image: np.ndarray) -> np.ndarray:
    """Where a crop is no longer grey."""
    return (image != 128).any(axis=-1)


@pytest.mark.parametrize('role', ['peer', 'other'])
def test_it_appears_beside_the_target_and_never_over_it(
    crops: dict, background: dict, role: str
) -> None:
    crops[role] = background
    results = PasteDistractors(prob=1.0, frame_prob=1.0).transform(crops)
    assert sum(changed(image).any() for image in results['img']) >= 3
    for image in results['img']:
        assert not changed(image)[120:165, 110:180].any()
    np.testing.assert_array_equal(results['gt_bboxes'][0], [[110, 120, 180, 165]])


@pytest.mark.parametrize('options', [dict(prob=0.0), dict(prob=1.0, frame_prob=0.0)])
def test_probabilities_of_zero_paste_nothing(crops: dict, background: dict, options: dict) -> None:
    crops['peer'] = background
    results = PasteDistractors(**options).transform(crops)
    assert not any(changed(image).any() for image in results['img'])


def test_without_a_masked_object_nothing_is_pasted(crops: dict, background: dict) -> None:
    background['outlines'] = [[]]
    crops['other'] = background
    results = PasteDistractors(prob=1.0).transform(crops)
    assert not any(changed(image).any() for image in results['img'])


def test_where_there_is_no_room_nothing_is_pasted(crops: dict, background: dict) -> None:
    crops['peer'] = background
    crops['gt_bboxes'] = [np.array([[0.0, 0.0, 288.0, 288.0]], np.float32)] * 4
    results = PasteDistractors(prob=1.0, frame_prob=1.0).transform(crops)
    assert not any(changed(image).any() for image in results['img'])
