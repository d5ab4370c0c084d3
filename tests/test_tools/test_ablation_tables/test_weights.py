# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Where a row's weights come from."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from ablation_tables.weights import assemble, find_checkpoint
from mmengine.config import Config

from tlpg_mmtrack.utils.checkpoint import load_weights, read_weights, save_weights
from tlpg_mmtrack.utils.model_zoo import shipped_weights

FOLDER = Path(__file__).resolve().parents[3] / 'configs' / 'tlpg' / 'ablation'


@pytest.fixture(scope='module')
def config() -> Config:
    """A row that does not train IoU-Net."""
    return Config.fromfile(FOLDER / 'rc_iou.py')


def test_iou_net_comes_from_its_own_training(config: Config, tmp_path: Path) -> None:
    shipped = read_weights(shipped_weights())
    start = assemble(config, None, shipped_weights(), seed=3)
    iou = {name: value for name, value in start.items() if name.startswith('iou_head.')}
    assert iou
    assert all(torch.equal(value, shipped[name]) for name, value in iou.items())
    trained = {name: value + 1 for name, value in start.items()}
    torch.save(dict(state_dict=trained), tmp_path / 'epoch_1.pth')
    weights = assemble(config, tmp_path / 'epoch_1.pth', shipped_weights(), seed=3)
    assert weights.keys() == start.keys()
    for name, value in weights.items():
        assert torch.equal(value, iou[name] if name in iou else trained[name]), name


def test_a_row_that_trains_all_is_left_as_it_is(config: Config, tmp_path: Path) -> None:
    config = copy.deepcopy(config)
    config.model.frozen_modules = []
    torch.save(dict(state_dict={'iou_head.x': torch.ones(2)}), tmp_path / 'a.pth')
    weights = assemble(config, tmp_path / 'a.pth', shipped_weights(), seed=0)
    assert weights.keys() == {'iou_head.x'}


def test_weights_are_whole_and_seeded(config: Config, tmp_path: Path) -> None:
    from mmtrack.registry import MODELS

    first, second = (assemble(config, None, shipped_weights(), seed=1) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    save_weights(first, tmp_path / 'a.safetensors', 'rc_iou', 0, torch.float32)
    load_weights(MODELS.build(config.model), tmp_path / 'a.safetensors')


def test_a_file_without_iou_net_is_named(config: Config, tmp_path: Path) -> None:
    torch.save(dict(state_dict={'head.x': torch.ones(2)}), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'iou: .*a\.pth has no weights named iou_head'):
        assemble(config, tmp_path / 'a.pth', tmp_path / 'a.pth', seed=0)


def test_the_last_checkpoint_is_found_beside_its_note(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path, 'rc_iou') is None
    folder = tmp_path / 'rc_iou'
    folder.mkdir()
    (folder / 'last_checkpoint').write_text('elsewhere/work_dirs/rc_iou/epoch_2.pth')
    assert find_checkpoint(tmp_path, 'rc_iou') is None
    (folder / 'epoch_2.pth').touch()
    assert find_checkpoint(tmp_path, 'rc_iou') == folder / 'epoch_2.pth'
