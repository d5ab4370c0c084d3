# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of crops cut from the frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from synthetic_corpus import find_green

from tlpg_mmtrack.datasets import TrackingCrop
from tlpg_mmtrack.ops.crop import crop_patch


@pytest.mark.parametrize('still', [True, False])
@pytest.mark.parametrize('masked', [True, False])
def test_boxes_are_around_the_object(make_sample, still, masked):
    # Small jitter of the place, so that the object is whole in every crop.
    crop = TrackingCrop(template_jitter=(1.0, 0.2), search_jitter=(2.0, 0.2))
    for seed in range(6):
        results = crop.transform(make_sample(seed, still, masked))
        assert len(results['img']) == 4
        for image, boxes in zip(results['img'], results['gt_bboxes'], strict=True):
            assert image.shape == (288, 288, 3)
            assert boxes.dtype == np.float32
            assert np.abs(find_green(image) - boxes[0]).max() <= 1.0


def test_without_jitter_it_is_the_trackers_crop(make_sample: Callable[..., dict]) -> None:
    crop = TrackingCrop(flip_prob=0.0, template_jitter=(0.0, 0.0), search_jitter=(0.0, 0.0))
    results = make_sample(still=False)
    frame = results['img'][0]
    results = crop.transform(results)
    side = 5.0 * np.sqrt(60 * 40)
    # The centre of the pixels 130 to 189 and 90 to 129.
    expected = crop_patch(frame, (159.5, 109.5), side, 288)
    assert np.abs(results['img'][3].astype(int) - expected).max() <= 1
    half = np.array([60, 40]) * 288 / side / 2
    box = np.concatenate([143.5 - half, 143.5 + half])
    np.testing.assert_allclose(results['gt_bboxes'][3][0], box, rtol=1e-5)


def test_jitter_stays_in_its_range(make_sample: Callable[..., dict]) -> None:
    crop = TrackingCrop(template_jitter=(1.0, 0.0), search_jitter=(4.5, 0.35))
    offsets, sizes = [], []
    for seed in range(40):
        boxes = np.concatenate(crop.transform(make_sample(seed))['gt_bboxes'])
        offsets.append((boxes[:, :2] + boxes[:, 2:]) / 2.0 - 143.5)
        sizes.append(np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)))
    offsets, sizes = np.abs(offsets), np.array(sizes)
    assert offsets[:, :2].max() <= 0.5 * 57.6 + 1e-3
    assert 90.0 < offsets[:, 2:].max() <= 2.25 * 57.6 + 1e-3
    np.testing.assert_allclose(sizes[:, :2], 57.6, rtol=1e-4)
    assert 0.25 < np.log(sizes[:, 2:] / 57.6).std() < 0.45


def test_frames_of_a_still_differ_in_shape_and_those_of_a_video_do_not(make_sample):
    def shapes(still: bool) -> np.ndarray:
        boxes = np.concatenate(TrackingCrop().transform(make_sample(1, still))['gt_bboxes'])
        return (boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])

    assert shapes(True).std() > 0.02
    np.testing.assert_allclose(shapes(False), 1.5, rtol=1e-4)


def test_without_an_outline_nothing_is_rotated(make_sample: Callable[..., dict]) -> None:
    crop = TrackingCrop(still_aspect=0.0, still_rotation=40.0)
    boxes = np.concatenate(crop.transform(make_sample(0, masked=False))['gt_bboxes'])
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    np.testing.assert_allclose(width / height, 1.5, rtol=1e-4)


def test_the_seed_decides(make_sample: Callable[..., dict]) -> None:
    first, again, other = (TrackingCrop().transform(make_sample(s)) for s in (5, 5, 6))
    np.testing.assert_array_equal(first['img'], again['img'])
    np.testing.assert_array_equal(first['gt_bboxes'], again['gt_bboxes'])
    assert (np.array(first['gt_bboxes']) != np.array(other['gt_bboxes'])).any()


def test_pasted_samples_are_left_alone_and_large_objects_dropped(make_sample):
    sample = make_sample()
    sample['gt_bboxes'] = 'here'
    assert TrackingCrop().transform(sample)['gt_bboxes'] == 'here'
    sample = make_sample()
    sample['paste_only'] = True
    assert TrackingCrop().transform(sample) is None


@pytest.mark.parametrize('options', [dict(size=0), dict(search_scale=0.5)])
def test_sizes_must_be_positive(options: dict) -> None:
    with pytest.raises(
        ValueError, match=f'TrackingCrop: {next(iter(options))} must be .* at least 1, got'
    ):
        TrackingCrop(**options)
