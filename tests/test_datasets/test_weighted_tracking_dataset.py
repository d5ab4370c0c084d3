# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of sampling from several sets, up to what the model receives."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from mmtrack.models import TrackDataPreprocessor
from mmtrack.registry import DATASETS

from tlpg_mmtrack.datasets import WeightedTrackingDataset
from tlpg_mmtrack.utils.errors import CorpusWarning, InputError
from tlpg_mmtrack.utils.images import read_image

BASE = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'datasets' / 'tlpg_small.py'


@pytest.fixture(scope='module')
def base_config() -> Config:
    """The base config, as written."""
    return Config.fromfile(BASE)


@pytest.fixture
def loader_config(base_config: Config, stills: Path, videos: Path) -> dict:
    """The base config's loader, on the small corpus."""
    config = copy.deepcopy(base_config)
    loader = config.train_dataloader
    stills_config = dict(config.stills, data_root=str(stills))
    videos_config = dict(config.videos, data_root=str(videos))
    loader.dataset.datasets = [stills_config, videos_config]
    loader.dataset.weights = [3.0, 1.0]
    loader.sampler.samples_per_epoch = 6
    loader.batch_size = 3
    return loader


@pytest.fixture
def dataset(loader_config: dict) -> WeightedTrackingDataset:
    """The dataset of the small corpus."""
    return DATASETS.build(loader_config.dataset)


def assert_same(first: dict, second: dict) -> None:
    """Compare two samples, pixels and boxes."""
    for key in ('img', 'search_img'):
        assert torch.equal(first['inputs'][key], second['inputs'][key])
    boxes, others = (
        torch.cat(
            [s['data_samples'].gt_instances.bboxes, s['data_samples'].search_gt_instances.bboxes]
        )
        for s in (first, second)
    )
    assert torch.equal(boxes, others)


def test_a_sample_is_a_function_of_its_number(dataset: WeightedTrackingDataset) -> None:
    before = [dataset[i] for i in range(4)]
    np.random.seed(123)
    for index in (3, 0, 2, 1):
        assert_same(dataset[index], before[index])
    assert not torch.equal(before[0]['inputs']['img'], before[1]['inputs']['img'])


def test_another_seed_gives_other_samples(dataset, loader_config):
    loader_config.dataset.seed = 1
    other = DATASETS.build(loader_config.dataset)
    assert not torch.equal(dataset[0]['inputs']['img'], other[0]['inputs']['img'])


def test_a_batch_passes_mmtracks_preprocessor(dataset: WeightedTrackingDataset) -> None:
    batch = TrackDataPreprocessor()(pseudo_collate([dataset[i] for i in range(3)]), training=True)
    for key, frames in (('img', 3), ('search_img', 1)):
        assert batch['inputs'][key].shape == (3, frames, 3, 288, 288)
        assert batch['inputs'][key].dtype == torch.float32
        assert 50.0 < batch['inputs'][key].max() <= 255.0
    for sample in batch['data_samples']:
        for instances, frames in ((sample.gt_instances, 3), (sample.search_gt_instances, 1)):
            assert instances.bboxes.shape == (frames, 4)
            assert instances.bboxes.dtype == torch.float32
            assert (instances.bboxes[:, 2:] > instances.bboxes[:, :2]).all()


def test_workers_and_resuming_change_nothing(loader_config: dict) -> None:
    def second_epoch(**changes: Any) -> list[list[str]]:
        loader = Runner.build_dataloader({**loader_config, **changes}, seed=0)
        loader.sampler.set_epoch(1)
        return [[s.img_path for s in batch['data_samples']] for batch in loader]

    alone = second_epoch(num_workers=0, persistent_workers=False)
    assert len(alone) == 2
    assert second_epoch(num_workers=2) == alone


def test_weights_are_shares_of_the_samples(dataset: WeightedTrackingDataset) -> None:
    for name, source in zip(('stills', 'videos'), dataset.datasets, strict=True):
        source.pipeline = lambda pair, name=name: name
    chosen = [dataset[index] for index in range(400)]
    assert 0.68 < chosen.count('stills') / 400 < 0.82
    dataset.probabilities = np.array([0.0, 1.0])
    assert {dataset[index] for index in range(20)} == {'videos'}


def test_an_unreadable_image_is_named_and_replaced(loader_config: dict, stills: Path) -> None:
    for index in range(3):
        (stills / 'images' / f'set{index % 2}_{index}.png').write_bytes(b'broken')
    dataset = DATASETS.build(loader_config.dataset)
    with pytest.warns(UserWarning, match=r'set\d_\d\.png: cannot be read'):
        samples = [dataset[i] for i in range(6)]
    for sample in samples:
        assert sample['inputs']['img'].shape == (3, 3, 288, 288)


@pytest.mark.filterwarnings('ignore:.*cannot be read')
def test_nothing_readable_is_an_error(loader_config: dict, stills: Path) -> None:
    for path in (stills / 'images').iterdir():
        path.write_bytes(b'broken')
    loader_config.dataset.datasets = loader_config.dataset.datasets[:1]
    loader_config.dataset.weights = [1.0]
    with pytest.raises(InputError, match='sample 5: 50 draws in a row were unusable'):
        DATASETS.build(loader_config.dataset)[5]


@pytest.mark.parametrize('weights', [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_weights_that_do_not_fit_are_refused(loader_config: dict, weights: list) -> None:
    loader_config.dataset.weights = weights
    with pytest.raises(InputError, match=r'weights.* (numbers|a number of at least 0)'):
        DATASETS.build(loader_config.dataset)


def test_no_dataset_is_refused() -> None:
    with pytest.raises(InputError, match='datasets: must name at least one'):
        WeightedTrackingDataset(datasets=[])


def test_the_base_config_reads_the_development_corpus(train_data, monkeypatch):
    monkeypatch.setenv('TLPG_DATA', str(train_data.parent))
    dataset = DATASETS.build(Config.fromfile(BASE).train_dataloader.dataset)
    assert all(len(source) > 20 for source in dataset.datasets)
    for index in range(5):
        boxes = dataset[index]['data_samples'].search_gt_instances.bboxes
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2.0
        assert ((middles > 0.0) & (middles < 288.0)).all()


def test_a_broken_image_stops_it_if_so_configured(loader_config: dict, stills: Path) -> None:
    (stills / 'images' / 'set0_0.png').write_bytes(b'broken')
    loader_config.dataset.on_unusable = 'stop'
    dataset = DATASETS.build(loader_config.dataset)
    with pytest.raises(CorpusWarning, match=r'set0_0\.png: cannot be read'):
        for index in range(50):
            dataset[index]
    # Elsewhere warnings stay warnings.
    with pytest.warns(CorpusWarning, match='cannot be read'):
        read_image(str(stills / 'images' / 'set0_0.png'))


def test_a_bad_video_stops_it_if_so_configured(loader_config: dict, videos: Path) -> None:
    (videos / 'first' / 'groundtruth.txt').write_text('1,2,30,40\n')
    loader_config.dataset.on_unusable = 'stop'
    with pytest.raises(CorpusWarning, match=r'first: video left out: .*1 boxes for 12 frames'):
        DATASETS.build(loader_config.dataset)


def test_other_ways_to_treat_the_unusable_are_refused(loader_config: dict) -> None:
    loader_config.dataset.on_unusable = 'ignore'
    with pytest.raises(InputError, match="on_unusable must be 'skip' or 'stop', got 'ignore'"):
        DATASETS.build(loader_config.dataset)
