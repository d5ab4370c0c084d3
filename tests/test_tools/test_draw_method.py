# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The figures of docs/method.md are drawn from a frame that is really tracked."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / 'tools' / 'analysis'))

import draw_method  # noqa: E402

FIGURES = ('offsets.jpg', 'proposals.jpg', 'scores.jpg')


def test_the_figures_are_drawn(tmp_path: Path):
    assert draw_method.main(['--out', str(tmp_path), '--frame', '2']) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == list(FIGURES)
    for name in FIGURES:
        picture = cv2.imread(str(tmp_path / name))
        assert picture.std() > 10, 'a picture, not an empty page'
        drawn = cv2.imread(str(REPOSITORY / 'docs' / 'images' / name))
        assert drawn.shape == picture.shape


def test_a_frame_beyond_the_end_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert draw_method.main(['--out', str(tmp_path), '--frame', '500']) == 2
    assert 'has 120 frames, got 500' in capsys.readouterr().err
