# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the tool that shows what a tracker is trained on."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def tool() -> ModuleType:
    """The tool as a module."""
    path = REPOSITORY / 'tools' / 'browse_dataset.py'
    spec = importlib.util.spec_from_file_location('browse_dataset', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def config(tmp_path: Path, stills: Path) -> str:
    """A config of the small corpus."""
    base = REPOSITORY / 'configs' / '_base_' / 'datasets' / 'tlpg_small.py'
    path = tmp_path / 'config.py'
    path.write_text(
        f'_base_ = {str(base)!r}\n'
        "dataset = dict(type='TrackingImageDataset', ann_file='annotations.json',\n"
        f"    data_root={str(stills)!r}, data_prefix=dict(img_path='images'),\n"
        '    pipeline={{_base_.train_pipeline}})\n'
        'train_dataloader = dict(dataset=dict(datasets=[dataset], weights=[1.0]))\n'
    )
    return str(path)


def test_sheets_show_the_samples(tool: ModuleType, config: str, tmp_path: Path) -> None:
    out = tmp_path / 'sheets'
    arguments = [config, '--out', str(out), '--samples', '3', '--rows', '2', '--start', '5']
    assert tool.main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == ['sheet_000.png', 'sheet_001.png']
    first = cv2.imread(str(out / 'sheet_000.png'))
    # Three template frames and a search frame a row, with a line of text.
    assert first.shape == (2 * (288 + 18), 4 * 288, 3)
    assert (first == np.array(tool.BOX_COLOUR)).all(axis=-1).sum() > 100
    tool.main([*arguments, '--cfg-options', 'train_dataloader.dataset.seed=4'])
    assert (cv2.imread(str(out / 'sheet_000.png')) != first).any()


def test_missing_data_is_a_clear_error(
    tool: ModuleType, config: str, tmp_path: Path, stills: Path, capsys: pytest.CaptureFixture
) -> None:
    (stills / 'annotations.json').unlink()
    assert tool.main([config, '--out', str(tmp_path / 'sheets')]) == 2
    assert 'annotations.json does not exist' in capsys.readouterr().err


def test_a_config_without_training_data_is_a_clear_error(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / 'empty.py'
    path.write_text('model = dict()\n')
    assert tool.main([str(path)]) == 2
    assert 'has no train_dataloader' in capsys.readouterr().err


def test_counts_must_be_positive(tool: ModuleType) -> None:
    with pytest.raises(SystemExit):
        tool.parse_args(['config.py', '--samples', '0'])
