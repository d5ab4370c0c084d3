# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of distractors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic_corpus import GREEN

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
def test_it_appears_beside_the_target_and_never_over_it(crops, background, role):
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


@pytest.mark.parametrize('most', [1, 3])
def test_up_to_max_count_appear(crops: dict, background: dict, most: int) -> None:
    crops['peer'] = background
    transform = PasteDistractors(prob=1.0, frame_prob=1.0, max_count=most)
    counts = set()
    for seed in range(8):
        crops['img'] = [np.full((288, 288, 3), 128, dtype=np.uint8) for _ in range(4)]
        crops['rng'] = np.random.default_rng(seed)
        masks = [changed(image).astype(np.uint8) for image in transform.transform(crops)['img']]
        counts.add(max(cv2.connectedComponents(mask)[0] - 1 for mask in masks))
    assert counts == set(range(1, most + 1))


def test_a_copy_of_the_target_has_another_colour(crops: dict, tmp_path: Path) -> None:
    path = tmp_path / 'still.png'
    image = np.full((240, 320, 3), 60, dtype=np.uint8)
    image[90:130, 130:190] = GREEN
    cv2.imwrite(str(path), image)
    crops['img_path'] = [str(path)] * 4
    results = PasteDistractors(prob=1.0, frame_prob=1.0, copy_prob=1.0).transform(crops)
    pasted = np.concatenate([image[changed(image)] for image in results['img']])
    colours, counts = np.unique(pasted, axis=0, return_counts=True)
    assert 0 < np.abs(colours[counts.argmax()].astype(int) - GREEN).max() < 170


def test_of_a_target_without_a_mask_there_is_no_copy(crops, background, make_sample):
    crops['outlines'] = make_sample(masked=False)['outlines']
    results = PasteDistractors(prob=1.0, copy_prob=1.0).transform(crops)
    assert not any(changed(image).any() for image in results['img'])
