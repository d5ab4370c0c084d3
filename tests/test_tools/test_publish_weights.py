# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Shipped weights are put together from the parts that were trained."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import MODELS
from safetensors.torch import load_file
from tlpg_tools import publish_weights

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = REPOSITORY / 'configs' / 'tlpg'
CONFIG = CONFIGS / 'tlpg_efflite0_small.py'


def _checkpoint(path: Path, name: str, value: float) -> Path:
    """A checkpoint of the config `name` in which every weight is `value`."""
    init_default_scope('mmtrack')
    config = Config.fromfile(CONFIGS / f'{name}.py')
    weights = {
        key: torch.full_like(weight, value)
        for key, weight in MODELS.build(config.model).state_dict().items()
    }
    torch.save(dict(meta=dict(cfg=config.pretty_text), state_dict=weights), path)
    return path


@pytest.fixture(scope='module')
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the two stages' training, every weight 1."""
    path = tmp_path_factory.mktemp('checkpoints') / 'stages.pth'
    return _checkpoint(path, 'tlpg_efflite0_small_stages', 1.0)


@pytest.fixture(scope='module')
def iou(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of IoU-Net's training, every weight 2."""
    path = tmp_path_factory.mktemp('checkpoints') / 'iou.pth'
    return _checkpoint(path, 'tlpg_efflite0_small_iou', 2.0)


def test_each_part_comes_from_the_run_that_trained_it(tmp_path, stages, iou):
    arguments = [str(CONFIG), str(stages), str(iou), '--out', str(tmp_path / 'out')]
    assert publish_weights.main(arguments) == 0

    path = tmp_path / 'out' / 'tlpg_efflite0_small.safetensors'
    for name, weight in load_file(path).items():
        assert (weight == (2.0 if name.startswith('iou_head.') else 1.0)).all(), name
        assert weight.dtype == torch.float16
    for file in (path, path.with_suffix('.json')):
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_an_offset_kernel_goes_into_every_stage(tmp_path, stages, iou, capsys):
    offsets = _checkpoint(tmp_path / 'offsets.pth', 'tlpg_efflite0_small_offsets', 3.0)
    arguments = [str(CONFIG), str(stages), '--out', str(tmp_path / 'out'), '--offsets']
    assert publish_weights.main([*arguments, str(offsets)]) == 0
    weights = load_file(tmp_path / 'out' / 'tlpg_efflite0_small.safetensors')
    changed = {name for name, weight in weights.items() if (weight == 3.0).all()}
    assert {f'{stage}head.initial_affine' for stage in ('', 'refiner.')} < changed
    for name, weight in weights.items():
        moves = 'head.initial_' in name or '.offset_optimizer.' in name
        assert (weight == (3.0 if moves else 1.0)).all(), name

    content = torch.load(iou, weights_only=True)
    only = {name: x for name, x in content['state_dict'].items() if name.startswith('iou_head.')}
    torch.save(dict(content, state_dict=only), offsets)
    assert publish_weights.main([*arguments, str(offsets), '--overwrite']) == 2
    assert 'offsets.pth has no initial offset kernel' in capsys.readouterr().err


def test_a_missing_part_is_named(tmp_path, stages, capsys):
    content = torch.load(stages, weights_only=True)
    for name in [name for name in content['state_dict'] if name.startswith('iou_head.')]:
        del content['state_dict'][name]
    part = tmp_path / 'part.pth'
    torch.save(content, part)
    arguments = [str(CONFIG), str(part), str(part), '--out', str(tmp_path / 'out')]
    assert publish_weights.main(arguments) == 2
    error = capsys.readouterr().err
    assert 'iou_head' in error
    assert 'pass the checkpoint of every part' in error
    assert not (tmp_path / 'out').exists()


def test_one_checkpoint_gives_all_of_its_weights(tmp_path: Path, iou: Path) -> None:
    publish_weights.main([str(CONFIG), str(iou), '--out', str(tmp_path / 'out')])
    weights = load_file(tmp_path / 'out' / 'tlpg_efflite0_small.safetensors')
    assert all((weight == 2.0).all() for weight in weights.values())
    assert any(name.startswith('head.') for name in weights)


@pytest.mark.parametrize('suffix', ['.safetensors', '.json'])
def test_weights_that_are_there_stay_unless_told(suffix, tmp_path, iou, capsys):
    existing = tmp_path / 'out' / f'tlpg_efflite0_small{suffix}'
    existing.parent.mkdir()
    existing.write_text('shipped')
    arguments = [str(CONFIG), str(iou), '--out', str(existing.parent)]
    assert publish_weights.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f'error: --out: {existing} is there already; pass --overwrite')
    assert existing.read_text() == 'shipped'
    assert list(existing.parent.iterdir()) == [existing]
    assert publish_weights.main([*arguments, '--overwrite']) == 0
    weights = load_file(existing.with_suffix('.safetensors'))
    assert all((weight == 2.0).all() for weight in weights.values())


def test_the_shipped_weights_are_not_replaced_by_default(capsys: pytest.CaptureFixture) -> None:
    assert publish_weights.main([str(CONFIG), 'none.pth']) == 2
    assert 'pass --overwrite' in capsys.readouterr().err


def test_a_config_that_does_not_run_is_named(tmp_path, capsys):
    config = tmp_path / 'bad.py'
    config.write_text('model = dict(\n')
    assert publish_weights.main([str(config), 'a.pth', '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: config: ')
    assert 'bad.py cannot be read (SyntaxError' in error


def test_files_that_are_no_checkpoints_are_named(tmp_path, capsys):
    missing, text, bare = (tmp_path / f'{name}.pth' for name in ('missing', 'text', 'bare'))
    text.write_text('hello')
    torch.save({'head.x': torch.ones(1)}, bare)
    for checkpoints, message in (
        ([missing], 'missing.pth is not a file'),
        ([text], 'text.pth is truncated, no checkpoint'),
        ([bare, bare], 'bare.pth does not say what its run trained (KeyError)'),
    ):
        arguments = [str(CONFIG), *map(str, checkpoints), '--out', str(tmp_path / 'out')]
        assert publish_weights.main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith('error: checkpoint: ')
        assert message in error
