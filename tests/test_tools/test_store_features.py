# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Stored features: what training reads from them is what it computes from the images."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmtrack.registry import DATASETS, MODELS
from synthetic_corpus import write_config, write_stills
from tlpg_tools import store_features
from tlpg_tools.store_features import create_store, images_of, source_hash, store_samples

from tlpg_mmtrack.datasets import StoredFeatureDataset
from tlpg_mmtrack.datasets.stored_feature_dataset import FeatureStore
from tlpg_mmtrack.utils.errors import FileError, InputError

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / 'configs' / 'tlpg' / 'tlpg_efflite0_small.py'
SAMPLES = 6


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped model's config, on a few made-up images."""
    return write_config(tmp_path / 'config.py', SHIPPED, write_stills(tmp_path / 'stills'))


def test_stored_and_computed_features_give_the_same_losses(config, tmp_path, monkeypatch):
    # New interpreters would take ten seconds each to import it all.
    monkeypatch.setattr(store_features, 'get_context', lambda method: get_context('fork'))
    folder = tmp_path / 'features'
    arguments = [str(config), str(folder), '--samples', str(SAMPLES), '--workers', '1']
    assert store_features.main(arguments) == 0
    # Again, with a sample lost: as after an interruption.
    store = FeatureStore(folder, writable=True)
    before = np.array(store.maps[1][4])
    store.written[4], store.maps[1][4] = False, 0
    del store
    assert store_features.main([*arguments[:-1], '2']) == 0
    # Another process, of one thread, may round otherwise.
    np.testing.assert_allclose(FeatureStore(folder).maps[1][4], before, rtol=2e-3, atol=1e-3)

    init_default_scope('mmtrack')
    content = Config.fromfile(config)
    images = DATASETS.build(content.image_dataset)
    stored = StoredFeatureDataset(str(folder), num_template_frames=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MODELS.build({**content.model, 'frozen_modules': ['iou_head', 'box_head']})
    losses = []
    for dataset in (images, stored):
        samples = [dataset[index] for index in (2, 4)]
        if dataset is stored:
            _in_order(stored, samples, (2, 4))
        batch = model.data_preprocessor(pseudo_collate(samples), training=True)
        losses.append(model.loss(**batch))
    assert losses[0].keys() == losses[1].keys()
    assert not any('iou' in name for name in losses[0])
    for name, value in losses[0].items():
        assert losses[1][name].item() == pytest.approx(value.item(), rel=2e-2), name


def _in_order(dataset: StoredFeatureDataset, samples: list[dict], indices: tuple) -> None:
    """Undo the shuffling of the template crops: the first of them is the target model's start."""
    for sample, index in zip(samples, indices, strict=True):
        drawn = sample['data_samples'].gt_instances.bboxes.tolist()
        back = [drawn.index(box) for box in dataset.store.boxes[index, :3].tolist()]
        sample['inputs']['template'] = [level[back] for level in sample['inputs']['template']]
        boxes = sample['data_samples'].gt_instances.bboxes[back]
        sample['data_samples'].gt_instances.bboxes = boxes


def test_another_configuration_is_refused(config, tmp_path, capsys):
    arguments = [str(config), str(tmp_path / 'a'), '--samples', '1', '--workers', '1']
    assert store_features.main(arguments) == 0
    option = 'train_dataloader.dataset.seed=1'
    assert store_features.main([*arguments, '--cfg-options', option]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ')
    assert 'another configuration' in error
    assert store_features.main([*arguments, '--samples', '2']) == 2
    assert 'was made for 1, not for 2' in capsys.readouterr().err


@pytest.mark.parametrize('options', [('--samples', '0'), ('--samples', '1', '--workers', '0')])
def test_counts_must_be_positive(config, tmp_path, options, capsys):
    with pytest.raises(SystemExit) as ended:
        store_features.main([str(config), str(tmp_path / 'features'), *options])
    assert ended.value.code == 2
    assert 'must be 1 or more' in capsys.readouterr().err


def test_a_config_without_a_model_is_a_clear_error(tmp_path, capsys):
    path = REPOSITORY / 'configs' / '_base_' / 'datasets' / 'tlpg_small.py'
    assert store_features.main([str(path), str(tmp_path / 'features'), '--samples', '1']) == 2
    assert 'has no model; pass a training config' in capsys.readouterr().err


def test_a_missing_config_and_missing_data_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('TLPG_DATA', str(tmp_path / 'absent'))
    for config, message in (
        (tmp_path / 'none.py', 'none.py'),
        (SHIPPED, str(tmp_path / 'absent')),
    ):
        arguments = [str(config), str(tmp_path / 'features'), '--samples', '1', '--workers', '1']
        assert store_features.main(arguments) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith('error: ')
        assert message in error
    assert not (tmp_path / 'features').exists()


class KilledPool:
    """Stands in for the processes, one of which was killed."""

    def __init__(self, *_: object) -> None:
        pass

    def map(self, *_: object) -> Iterator[int]:
        """As the executor says it."""
        yield from ()
        raise BrokenProcessPool('a process was terminated abruptly')

    def shutdown(self, cancel_futures: bool) -> None:
        """Nothing to end."""
        assert cancel_futures


def test_a_killed_process_ends_it_with_advice(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(store_features, 'ProcessPoolExecutor', KilledPool)
    assert (
        store_features.main([str(config), str(tmp_path / 'a'), '--samples', '1', '--workers', '2'])
        == 2
    )
    assert 'a process was killed, perhaps for want of memory; use fewer' in capsys.readouterr().err
    assert FeatureStore(tmp_path / 'a').missing().tolist() == [0]


class InterruptedPool(KilledPool):
    """Stands in for the processes while the user presses Ctrl-C."""

    def map(self, *_: object) -> Iterator[int]:
        """One batch, and the signal, which the processes that start here are to ignore."""
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        return self._interrupted()

    def _interrupted(self) -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt


def test_ctrl_c_ends_it_without_a_traceback(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(store_features, 'ProcessPoolExecutor', InterruptedPool)
    # Those of other tests are none of its business.
    monkeypatch.setattr(store_features, 'active_children', list)
    handler = signal.getsignal(signal.SIGINT)
    assert (
        store_features.main([str(config), str(tmp_path / 'a'), '--samples', '2', '--workers', '2'])
        == 130
    )
    assert capsys.readouterr().err.endswith('interrupted; the same command goes on\n')
    assert signal.getsignal(signal.SIGINT) is handler


MANIFEST = dict(
    samples=3, template_frames=2, search_frames=1, shapes=[[2, 4, 4], [3, 2, 2]], source='abc'
)


def _sample(seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    generator = np.random.default_rng(seed)
    maps = [
        generator.standard_normal((1, 3, *shape)).astype(np.float32)
        for shape in MANIFEST['shapes']
    ]
    return maps, generator.uniform(0, 288, (1, 3, 4)).astype(np.float32)


def test_a_sample_comes_back(tmp_path: Path) -> None:
    maps, boxes = _sample(0)
    store_samples(create_store(tmp_path / 'store', MANIFEST), [1], maps, boxes)

    store = FeatureStore(tmp_path / 'store')

    for level, stored in zip(maps, store.maps, strict=True):
        np.testing.assert_array_equal(stored[[1]], level.astype(np.float16))
        np.testing.assert_allclose(stored[[1]], level, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(store.boxes[[1]], boxes)
    assert store.manifest == MANIFEST


def test_missing_samples_are_known_after_an_interruption(tmp_path: Path) -> None:
    store_samples(create_store(tmp_path, MANIFEST), [1], *_sample(0))
    store = create_store(tmp_path, MANIFEST)
    assert store.missing().tolist() == [0, 2]
    store_samples(store, [0], *_sample(1))
    store_samples(store, [2], *_sample(2))
    assert FeatureStore(tmp_path).missing().tolist() == []
    np.testing.assert_array_equal(FeatureStore(tmp_path).boxes[[1]], _sample(0)[1])


def test_a_folder_without_a_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'tools/store_features.py'):
        FeatureStore(tmp_path)


def test_reading_does_not_write(tmp_path: Path) -> None:
    create_store(tmp_path, MANIFEST)
    with pytest.raises(ValueError, match='read-only'):
        store_samples(FeatureStore(tmp_path), [0], *_sample(0))


def _config(**changes: object) -> Config:
    model = dict(backbone=dict(type='A'), mean=(1, 2, 3), head=dict(type='B'))
    return Config(dict(model={**model, **changes}, image_dataset=dict(type='C', seed=0)))


def test_the_hash_sees_what_is_stored_and_nothing_else() -> None:
    reference = source_hash(_config())
    assert source_hash(_config(head=dict(type='D'))) == reference
    assert source_hash(_config(mean=(1, 2, 4))) != reference
    assert source_hash(_config(backbone=dict(type='E'))) != reference


def test_a_full_disk_is_noticed_before_anything_is_computed(tmp_path, monkeypatch):
    def fail(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'posix_fallocate', fail, raising=False)
    with pytest.raises(FileError, match=r'boxes\.npy needs .* GB \(No space left.*store fewer'):
        create_store(tmp_path / 'store', MANIFEST)
    monkeypatch.undo()
    # What is left is no store, and the same command makes one.
    with pytest.raises(InputError):
        FeatureStore(tmp_path / 'store')
    assert len(create_store(tmp_path / 'store', MANIFEST).missing()) == 3


def test_what_training_reads_is_stored_and_the_images_where_it_reads_a_store() -> None:
    base, own = dict(type='C', seed=0), dict(type='C', seed=1)
    loader = dict(dataset=dict(type='StoredFeatureDataset'))
    assert images_of(Config(dict(image_dataset=base, train_dataloader=loader))) == base
    assert images_of(Config(dict(image_dataset=base))) == base
    loader = dict(dataset=own)
    assert images_of(Config(dict(image_dataset=base, train_dataloader=loader))) == own
    assert images_of(Config(dict(train_dataloader=loader))) == own


@pytest.mark.parametrize('loader', [None, dict(dataset=dict(type='StoredFeatureDataset'))])
def test_a_config_without_images_is_refused(loader: dict | None) -> None:
    with pytest.raises(InputError, match='names no images to store features of'):
        images_of(Config(dict(train_dataloader=loader)))
