# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the tool that shows what a tracker is trained on."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic_corpus import write_config
from tlpg_tools import browse_dataset

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(tmp_path: Path, stills: Path) -> str:
    """A config of the small corpus."""
    base = REPOSITORY / 'configs' / '_base_' / 'datasets' / 'tlpg_small.py'
    return str(write_config(tmp_path / 'config.py', base, stills))


def test_sheets_show_the_samples(config: str, tmp_path: Path) -> None:
    out = tmp_path / 'sheets'
    arguments = [config, '--out', str(out), '--samples', '3', '--rows', '2', '--start', '5']
    assert browse_dataset.main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == ['sheet_000.png', 'sheet_001.png']
    first = cv2.imread(str(out / 'sheet_000.png'))
    # Three template frames and a search frame a row, with a line of text.
    assert first.shape == (2 * (288 + 18), 4 * 288, 3)
    assert (first == np.array(browse_dataset.BOX_COLOUR)).all(axis=-1).sum() > 100
    browse_dataset.main([*arguments, '--cfg-options', 'train_dataloader.dataset.seed=4'])
    assert (cv2.imread(str(out / 'sheet_000.png')) != first).any()


def test_missing_data_is_a_clear_error(config, tmp_path, stills, capsys):
    (stills / 'annotations.json').unlink()
    assert browse_dataset.main([config, '--out', str(tmp_path / 'sheets')]) == 2
    assert 'annotations.json does not exist' in capsys.readouterr().err


def test_a_config_without_training_data_is_a_clear_error(tmp_path, capsys):
    path = tmp_path / 'empty.py'
    path.write_text('model = dict()\n')
    assert browse_dataset.main([str(path)]) == 2
    assert 'has no train_dataloader' in capsys.readouterr().err


def test_counts_must_be_positive() -> None:
    with pytest.raises(SystemExit):
        browse_dataset.parse_args(['config.py', '--samples', '0'])


def test_what_is_unusable_is_a_clear_error_where_it_stops(config, tmp_path, stills, capsys):
    for path in (stills / 'images').iterdir():
        path.write_bytes(b'broken')
    option = 'train_dataloader.dataset.on_unusable=stop'
    assert (
        browse_dataset.main([config, '--out', str(tmp_path / 'a'), '--cfg-options', option]) == 2
    )
    assert re.match(r'error: .*\.png: cannot be read', capsys.readouterr().err)


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('train_dataloader.dataset.datasets.7.min_size=1', 'datasets.7.min_size does not fit'),
        ('train_dataloader.dataset.nonsense=1', 'cannot be built'),
        ('train_dataloader=3', 'cannot be built'),
        ('train_dataloader.dataset.type=Nope', 'Nope is not in the'),
    ],
)
def test_options_that_do_not_fit_are_a_clear_error(config, option, message, capsys):
    assert browse_dataset.main([config, '--cfg-options', option]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ')
    assert message in error


def test_an_option_without_value_is_refused(config: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        browse_dataset.main([config, '--cfg-options', 'max_epochs'])
    assert "expected KEY=VALUE, got 'max_epochs'" in capsys.readouterr().err


def test_ctrl_c_ends_it_without_a_traceback(config, monkeypatch, capsys):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(browse_dataset, 'build_dataset', interrupt)
    assert browse_dataset.main([config]) == 130
    assert capsys.readouterr().err == 'interrupted\n'
