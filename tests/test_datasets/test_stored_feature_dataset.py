# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training samples from stored maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from tlpg_tools.store_features import create_store, store_samples

from tlpg_mmtrack.datasets.stored_feature_dataset import StoredFeatureDataset, TLPGDataPreprocessor
from tlpg_mmtrack.utils.errors import InputError

SHAPES = [[2, 4, 4], [3, 2, 2]]
MANIFEST = dict(samples=5, template_frames=3, search_frames=1, shapes=SHAPES, source='x')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five samples of three template crops and a search crop; a map's values name its crop."""
    store = create_store(tmp_path / 'store', MANIFEST)
    for number in range(5):
        crops = 10 * number + np.arange(4, dtype=np.float32)
        maps = [np.broadcast_to(crops.reshape(4, 1, 1, 1), (4, *shape)) for shape in SHAPES]
        store_samples(store, [number], maps, crops[:, None].repeat(4, 1))
    return tmp_path / 'store'


def _crops(maps: list[torch.Tensor]) -> list[int]:
    return [int(value) for value in maps[0][:, 0, 0, 0]]


def test_maps_and_boxes_belong_to_the_same_crop(folder: Path) -> None:
    dataset = StoredFeatureDataset(str(folder))
    for index in range(20):
        sample = dataset[index]
        template, search = _crops(sample['inputs']['template']), _crops(sample['inputs']['search'])
        assert {crop // 10 for crop in template + search} == {index % 5}
        assert len(set(template)) == 2 and all(crop % 10 < 3 for crop in template)
        assert [crop % 10 for crop in search] == [3]
        boxes = sample['data_samples'].gt_instances.bboxes
        assert boxes.shape == (2, 4) and boxes[:, 0].int().tolist() == template
        assert sample['data_samples'].search_gt_instances.bboxes[:, 0].int().tolist() == search
        assert [tuple(level.shape) for level in sample['inputs']['search']] == [
            (1, *shape) for shape in SHAPES
        ]
        assert sample['inputs']['template'][1].dtype == torch.float32


def test_unused_template_crops_are_searched(folder: Path) -> None:
    sample = StoredFeatureDataset(str(folder), 1, 3)[7]
    template, search = _crops(sample['inputs']['template']), _crops(sample['inputs']['search'])
    assert search[0] % 10 == 3
    assert sorted(template + search) == [20, 21, 22, 23]


def test_a_number_decides_and_epochs_differ(folder: Path) -> None:
    dataset = StoredFeatureDataset(str(folder))
    same = StoredFeatureDataset(str(folder))
    chosen = [tuple(_crops(dataset[number]['inputs']['template'])) for number in range(2, 62, 5)]
    again = [tuple(_crops(same[number]['inputs']['template'])) for number in range(2, 62, 5)]
    assert chosen == again
    assert len(set(chosen)) > 1


def test_a_batch_passes_the_preprocessor(folder: Path) -> None:
    dataset = StoredFeatureDataset(str(folder))
    batch = TLPGDataPreprocessor()(pseudo_collate([dataset[0], dataset[1]]), training=True)
    assert len(batch['inputs']['template']) == len(SHAPES)
    assert [tuple(level.shape) for level in batch['inputs']['template'][1]] == [(2, 3, 2, 2)] * 2
    assert len(batch['data_samples']) == 2


def test_an_incomplete_store_is_refused(tmp_path: Path) -> None:
    create_store(tmp_path, MANIFEST)
    with pytest.raises(InputError, match=r'lacks 5 of 5 samples; run tools/store_features\.py'):
        StoredFeatureDataset(str(tmp_path))


def _shorter(path: Path) -> None:
    np.save(path, np.load(path)[:4])


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ('name', 'damage', 'message'),
    [
        ('level1.npy', _shorter, r'expected shape \(5, 4, 3, 2, 2\), found \(4, 4, 3, 2, 2\)'),
        ('level0.npy', _truncated, 'mmap length'),
        ('boxes.npy', lambda path: path.write_bytes(b''), 'ValueError'),
        ('written.npy', Path.unlink, 'No such file'),
        ('manifest.json', _truncated, 'JSONDecodeError'),
        ('manifest.json', lambda path: path.write_text('{"samples": 5}'), 'KeyError'),
    ],
)
def test_a_damaged_store_is_refused(folder: Path, name, damage, message) -> None:
    damage(folder / name)
    with pytest.raises(InputError, match=f'{name} is .*damaged .*{message}.*store_features'):
        StoredFeatureDataset(str(folder))


@pytest.mark.parametrize(('template', 'search'), [(4, 1), (0, 1), (2, 3), (3, 0)])
def test_crops_that_are_not_stored_are_refused(folder: Path, template: int, search: int) -> None:
    with pytest.raises(InputError, match=r'num_(template|search)_frames.* got'):
        StoredFeatureDataset(str(folder), template, search)
