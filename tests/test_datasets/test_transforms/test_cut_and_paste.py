# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of cut-and-paste."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from synthetic_corpus import find_green

from tlpg_mmtrack.datasets import CutAndPaste


def paste(sample: dict, other: dict, **options: Any) -> dict | None:
    """Paste with jitter small enough for the target to be whole."""
    sample['other'] = other
    options = (
        dict(
            prob=1.0,
            motion_blur_prob=0.0,
            colour=0.0,
            template_jitter=(1.0, 0.2),
            search_jitter=(2.0, 0.2),
        )
        | options
    )
    return CutAndPaste(**options).transform(sample)


def test_boxes_are_around_the_pasted_object(make_sample, background):
    for seed in range(10):
        results = paste(make_sample(seed), background)
        assert len(results['img']) == 4
        for image, boxes in zip(results['img'], results['gt_bboxes'], strict=True):
            assert image.shape == (288, 288, 3)
            assert image.dtype == np.uint8
            assert np.abs(find_green(image) - boxes[0]).max() <= 1.5


def test_frames_differ_in_place_size_and_shape(make_sample, background):
    boxes = np.concatenate(paste(make_sample(), background)['gt_bboxes'])
    sides = boxes[:, 2:] - boxes[:, :2]
    assert np.ptp(boxes[:, 0]) > 5.0
    assert np.ptp(np.log(sides[:, 0] / sides[:, 1])) > 0.05
    assert np.ptp(np.log(sides.prod(axis=1))) > 0.05


def test_the_background_is_the_other_image_and_drifts(make_sample, background):
    results = paste(make_sample(0), background)
    assert any((image[..., 0].astype(int) - image[..., 1]).max() > 150 for image in results['img'])
    still = paste(make_sample(0), background, drift=0.0)
    differences = [
        np.abs(np.diff(np.array(r['img'])[:2].astype(int), axis=0)).mean()
        for r in (results, still)
    ]
    assert differences[0] > differences[1]


def test_colour_and_motion_blur_change_the_object(make_sample, background):
    plain = paste(make_sample(2), background)
    for options in (dict(colour=0.5), dict(motion_blur_prob=1.0)):
        changed = paste(make_sample(2), background, **options)
        assert (np.array(plain['img']) != np.array(changed['img'])).any()
        assert changed['img'][0].shape == (288, 288, 3)


@pytest.mark.parametrize(
    ('still', 'masked', 'options'),
    [
        (False, True, {}),
        (True, False, {}),
        (True, True, dict(prob=0.0)),
        (True, True, dict(min_size=60.0)),
    ],
)
def test_where_it_does_not_act_the_sample_is_unchanged(
    make_sample, background, still, masked, options
):
    results = paste(make_sample(0, still, masked), background, **options)
    assert 'gt_bboxes' not in results
    assert results['img'][0].shape == (240, 320, 3)


def test_large_objects_are_always_pasted(make_sample, background):
    sample = make_sample()
    sample['paste_only'] = True
    assert 'gt_bboxes' in paste(sample, background, prob=0.0)


def test_an_unreadable_background_drops_the_sample(make_sample, background):
    background['img_paths'] = ['missing.png']
    with pytest.warns(UserWarning, match=r'missing\.png'):
        assert paste(make_sample(), background) is None
