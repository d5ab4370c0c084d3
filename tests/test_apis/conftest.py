# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Frames on disk with a white square that moves to the right."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fake_model import white_square

FRAMES = 6


@pytest.fixture
def square_files(tmp_path: Path) -> list[Path]:
    """Six frames; the square is 20 x 20, at x = 10, 14, ..., y = 40."""
    paths = [tmp_path / f'{index:04d}.png' for index in range(FRAMES)]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), white_square(10 + 4 * index))
    return paths
