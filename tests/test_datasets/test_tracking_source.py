# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests that both datasets serve mmtrack's own training pipelines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mmtrack.registry import DATASETS

from tlpg_mmtrack.datasets import TrackingImageDataset

PRDIMP_PIPELINE = [
    dict(type='DiMPSampling', num_search_frames=2, num_template_frames=2, min_num_frames=5),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[dict(type='LoadImageFromFile'), dict(type='LoadTrackAnnotations')],
    ),
    dict(
        type='SeqBboxJitter',
        center_jitter_factor=[3, 3, 4.5, 4.5],
        scale_jitter_factor=[0.25, 0.25, 0.5, 0.5],
        crop_size_factor=[5, 5, 5, 5],
    ),
    dict(
        type='TransformBroadcaster',
        share_random_params=False,
        transforms=[dict(type='CropLikeDiMP', crop_size_factor=5, output_size=288)],
    ),
    dict(type='PackTrackInputs', ref_prefix='search', num_template_frames=2),
]


@pytest.mark.parametrize('kind', ['stills', 'videos'])
def test_mmtracks_prdimp_pipeline_takes_it(kind: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(kind)
    config = dict(
        type='TrackingVideoDataset',
        data_root=str(folder),
        pipeline=PRDIMP_PIPELINE,
        max_refetch=20,
    )
    if kind == 'stills':
        config |= dict(
            type='TrackingImageDataset',
            ann_file='annotations.json',
            data_prefix=dict(img_path='images'),
        )
    sample = DATASETS.build(config)[0]
    assert sample['inputs']['search_img'].shape == (2, 3, 288, 288)
    assert sample['data_samples'].search_gt_instances.bboxes.shape == (2, 4)


def with_paths_for_samples(stills: Path) -> TrackingImageDataset:
    """A set whose samples are the image paths of the item and of the other sequence."""
    dataset = TrackingImageDataset(
        data_root=str(stills),
        ann_file='annotations.json',
        data_prefix=dict(img_path='images'),
    )
    dataset.pipeline = lambda pair: [sequence['img_paths'] for sequence in pair]
    return dataset


@pytest.mark.parametrize('seed', range(2))
def test_the_other_sequence_does_not_show_the_target_again(stills: Path, seed: int) -> None:
    dataset = with_paths_for_samples(stills)
    rng = np.random.default_rng(seed)
    for item in range(len(dataset)):
        own, other = dataset.sample(
            item, rng, lambda: dataset.get_sequence(int(rng.integers(len(dataset))))
        )
        assert own != other


def test_where_there_is_no_other_image_the_own_one_serves(stills: Path) -> None:
    dataset = with_paths_for_samples(stills)
    own, other = dataset.sample(0, np.random.default_rng(0), lambda: dataset.get_sequence(0))
    assert own == other
