# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests that both datasets serve mmtrack's own training pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmtrack.registry import DATASETS

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
