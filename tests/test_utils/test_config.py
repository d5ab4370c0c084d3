# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of reading a config that a user names."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from tlpg_mmtrack.utils.config import read_config
from tlpg_mmtrack.utils.errors import InputError


def test_bases_are_read_too(tmp_path: Path) -> None:
    (tmp_path / 'base.py').write_text('seed = 1\nepochs = 2\n')
    (tmp_path / 'child.py').write_text("_base_ = './base.py'\nepochs = 3\n")
    config = read_config(tmp_path / 'child.py')
    assert (config.seed, config.epochs) == (1, 3)


def test_environment_variables_are_read_without_a_word(tmp_path, monkeypatch):
    """mmengine says so for each file of each config, which drowns what the demo says."""
    said = []
    monkeypatch.setenv('TLPG_DATA', 'elsewhere')
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'callHandlers', said.append)
    path = tmp_path / 'config.py'
    path.write_text("root = '{{$TLPG_DATA:data}}'\n")
    assert read_config(path).root == 'elsewhere'
    assert not said


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'^config: .*none\.py is not a file'):
        read_config(tmp_path / 'none.py')


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('model = dict(\n', 'SyntaxError'),
        ('model = 1 / 0\n', 'ZeroDivisionError'),
        ("_base_ = './nowhere.py'\n", 'FileNotFoundError'),
    ],
)
def test_a_config_that_does_not_run_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / 'bad.py'
    path.write_text(text)
    with pytest.raises(InputError, match=rf'^config: .*bad\.py cannot be read \({reason}'):
        read_config(path)
