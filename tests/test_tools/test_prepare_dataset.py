# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Runs tools/prepare_dataset.py on folders with and without problems."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from dataset_check import Findings, ListedVideo

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'prepare_dataset.py'
VIDEO = ListedVideo('data/a/img', 'data/a/groundtruth_rect.txt', 2, 6)


@pytest.fixture
def tool() -> ModuleType:
    """The tool's module."""
    spec = importlib.util.spec_from_file_location('prepare_dataset', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, findings: Findings, *arguments: object
) -> int:
    """Run the tool where a check finds this."""
    monkeypatch.setitem(tool.BENCHMARKS, 'otb100', (lambda root: findings, 'infos.txt'))
    monkeypatch.setattr(sys, 'argv', ['prepare_dataset.py', 'otb100', *map(str, arguments)])
    return tool.main()


def test_writes_the_list_of_a_whole_benchmark(
    tool: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(tool, monkeypatch, Findings([VIDEO]), tmp_path) == 0
    assert 'otb100: 1 videos with 5 frames are whole; 0 problems' in capsys.readouterr().out
    lines = (tmp_path / 'annotations' / 'infos.txt').read_text().splitlines()
    assert lines[1:] == ['data/a/img,data/a/groundtruth_rect.txt,2,6']


def test_writes_nothing_when_something_is_missing_unless_told(
    tool: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    findings = Findings([VIDEO], ['data/b: the folder is missing'])
    assert run(tool, monkeypatch, findings, tmp_path) == 2
    assert 'data/b: the folder is missing\n' in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert run(tool, monkeypatch, findings, tmp_path, '--partial') == 1
    assert (tmp_path / 'annotations' / 'infos.txt').is_file()


def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, TOOL, 'uav123', str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert f'{tmp_path}/data_seq/UAV123/bike1: the folder is missing' in answer.stdout
    assert '0 videos with 0 frames are whole; 246 problems' in answer.stdout


def test_a_root_that_is_no_folder_is_refused(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run(tool, monkeypatch, Findings([VIDEO]), tmp_path / 'nowhere') == 2
