# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The store of backbone maps: what is written comes back, and nothing else passes for it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from tlpg_mmtrack.datasets.feature_store import (
    FeatureStore,
    FeatureStoreManifest,
    images_of,
    source_hash,
)

MANIFEST = FeatureStoreManifest(
    samples=3, template_frames=2, search_frames=1, shapes=((2, 4, 4), (3, 2, 2)), source='abc'
)


def _sample(seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    generator = np.random.default_rng(seed)
    maps = [generator.standard_normal((3, *shape)).astype(np.float32) for shape in MANIFEST.shapes]
    return maps, generator.uniform(0, 288, (3, 4)).astype(np.float32)


def test_a_sample_comes_back(tmp_path: Path) -> None:
    maps, boxes = _sample(0)
    FeatureStore.create(tmp_path / 'store', MANIFEST).write(1, maps, boxes)

    store = FeatureStore(tmp_path / 'store')

    for level, stored in zip(maps, store.maps, strict=True):
        np.testing.assert_array_equal(stored[1], level.astype(np.float16))
        np.testing.assert_allclose(stored[1], level, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(store.boxes[1], boxes)
    assert store.manifest == MANIFEST


def test_missing_samples_are_known_after_an_interruption(tmp_path: Path) -> None:
    FeatureStore.create(tmp_path, MANIFEST).write(1, *_sample(0))
    store = FeatureStore.create(tmp_path, MANIFEST)
    assert store.missing().tolist() == [0, 2]
    store.write(0, *_sample(1))
    store.write(2, *_sample(2))
    assert FeatureStore(tmp_path).missing().tolist() == []
    np.testing.assert_array_equal(FeatureStore(tmp_path).boxes[1], _sample(0)[1])


def test_a_store_of_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    FeatureStore.create(tmp_path, MANIFEST)
    with pytest.raises(ValueError, match='another configuration; name another folder'):
        FeatureStore.create(tmp_path, replace(MANIFEST, source='other'))


def test_a_folder_without_a_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'tools/store_features.py'):
        FeatureStore(tmp_path)


def test_a_file_of_another_shape_is_named(tmp_path: Path) -> None:
    FeatureStore.create(tmp_path, MANIFEST)
    np.save(tmp_path / 'level1.npy', np.zeros((3, 3, 3, 2, 1), np.float16))
    with pytest.raises(ValueError, match=r'level1.npy: expected shape \(3, 3, 3, 2, 2\)'):
        FeatureStore(tmp_path)


def test_reading_does_not_write(tmp_path: Path) -> None:
    FeatureStore.create(tmp_path, MANIFEST)
    with pytest.raises(ValueError, match='read-only'):
        FeatureStore(tmp_path).write(0, *_sample(0))


def _config(**changes: object) -> Config:
    model = dict(backbone=dict(type='A'), mean=(1, 2, 3), head=dict(type='B'))
    return Config(dict(model={**model, **changes}, image_dataset=dict(type='C', seed=0)))


def test_the_hash_sees_what_is_stored_and_nothing_else() -> None:
    reference = source_hash(_config())
    assert source_hash(_config(head=dict(type='D'))) == reference
    assert source_hash(_config(mean=(1, 2, 4))) != reference
    assert source_hash(_config(backbone=dict(type='E'))) != reference


def test_a_full_disk_is_noticed_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'posix_fallocate', fail, raising=False)
    with pytest.raises(OSError, match=r'boxes\.npy needs .* GB \(No space left.*store fewer'):
        FeatureStore.create(tmp_path / 'store', MANIFEST)
    monkeypatch.undo()
    # What is left is no store, and the same command makes one.
    with pytest.raises(FileNotFoundError):
        FeatureStore(tmp_path / 'store')
    assert len(FeatureStore.create(tmp_path / 'store', MANIFEST).missing()) == 3


def test_what_training_reads_is_stored_and_the_images_where_it_reads_a_store() -> None:
    base, own = dict(type='C', seed=0), dict(type='C', seed=1)
    loader = dict(dataset=dict(type='StoredFeatureDataset'))
    assert images_of(Config(dict(image_dataset=base, train_dataloader=loader))) == base
    assert images_of(Config(dict(image_dataset=base))) == base
    loader = dict(dataset=own)
    assert images_of(Config(dict(image_dataset=base, train_dataloader=loader))) == own
    assert images_of(Config(dict(train_dataloader=loader))) == own


@pytest.mark.parametrize('loader', [None, dict(), dict(dataset=dict(type='StoredFeatureDataset'))])
def test_a_config_without_images_is_refused(loader: dict | None) -> None:
    with pytest.raises(ValueError, match='names no images to store features of'):
        images_of(Config(dict(train_dataloader=loader)))
