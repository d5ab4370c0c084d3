# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import logging
import os
import sys
from pathlib import Path
from unittest.mock import patch

import cv2
import pytest
from fake_model import white_square

import tlpg_mmtrack  # noqa: F401  (makes mmtrack importable)

# isort: split
import mmtrack  # noqa: F401  (imports everything that need not be searched)
import torch
from mmengine.logging import MMLogger

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.models import openvino_function
from tlpg_mmtrack.models.trackers import TLPG

# mmengine collects garbage whenever a dataset is built; what importing left stays anyway and need
# not be searched each time.
gc.freeze()

# A forked process that stops OpenCV's threads, as mmengine does, waits for those that it lacks.
cv2.setNumThreads(0)

REPOSITORY = Path(__file__).resolve().parents[1]
# Commands are imported by their names; 'test' is a module of Python's (written_runs.load_tool).
sys.path += [str(REPOSITORY / name) for name in ('tools', 'tools/analysis', 'benchmarks')]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--device cuda`` runs the tests of operators, components and trackers on a GPU."""
    parser.addoption('--device', default='cpu', help='where operators and models run (cpu)')


@pytest.fixture(scope='session')
def device(request: pytest.FixtureRequest) -> torch.device:
    """What ``--device`` names; skips the test where there is none."""
    name = request.config.getoption('--device')
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        pytest.skip(f'--device {name}: {str(error).splitlines()[0]}')


def _data_folder(name: str) -> Path:
    root = os.environ.get('TLPG_DATA')
    folder = Path(root or '', name)
    if root is None or not folder.is_dir():
        pytest.skip(f'set TLPG_DATA to the folder that holds {name}/ (docs/custom_data.md)')
    return folder


@pytest.fixture(autouse=True)
def _without_openvino(monkeypatch: pytest.MonkeyPatch):
    """Let 'auto' be PyTorch, with OpenVINO installed or not: it takes seconds to convert."""
    monkeypatch.setattr(openvino_function, 'is_installed', lambda: False)


@pytest.fixture(autouse=True)
def _open_log():
    """A log that was begun under `capsys` writes to a stream that is closed with its test."""
    for handler in MMLogger.get_current_instance().handlers:
        if isinstance(handler, logging.StreamHandler) and getattr(handler.stream, 'closed', False):
            handler.stream = sys.__stderr__


@pytest.fixture(scope='session', autouse=True)
def _plain_configs():
    """Each run writes its config down; to lay it out well takes seconds."""
    with patch('mmengine.config.config.FormatCode', lambda text, **_: (text, True)):
        yield


@pytest.fixture(scope='session')
def shipped() -> TLPG:
    """The shipped model; a test that changes it puts it back."""
    return Tracker.from_pretrained(device='cpu').model


@pytest.fixture(scope='session')
def dev_data() -> Path:
    """The development sequences in OTB layout; skips the test where they are absent."""
    return _data_folder('dev')


@pytest.fixture(scope='session')
def train_data() -> Path:
    """The training images and videos; skips the test where they are absent."""
    return _data_folder('train')


@pytest.fixture(scope='session')
def reference_data() -> Path:
    """Published results to hold the measures against; skips the test where they are absent."""
    return _data_folder('reference')


@pytest.fixture
def square_files(tmp_path: Path) -> list[Path]:
    """Six frames on disk; a white 20 x 20 square is at x = 10, 14, ..., y = 40."""
    paths = [tmp_path / f'{index:04d}.png' for index in range(6)]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), white_square(10 + 4 * index))
    return paths
