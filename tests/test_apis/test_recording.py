# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of a run's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_model import white_square

from tlpg_mmtrack.apis.frames import open_source
from tlpg_mmtrack.apis.recording import Recording
from tlpg_mmtrack.structures import TrackingResult, TrackingState

RESULT = TrackingResult(np.array([30.0, 40, 20, 20]), 0.8, TrackingState.NORMAL)
FILES = ['boxes.csv', 'contact_sheet.png', 'scores.png', 'tracked.mp4']


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_files_agree(tmp_path):
    with Recording(tmp_path, fps=10.0) as recording:
        for index in range(5):
            recording.add(index, None if index == 3 else white_square(30), RESULT)
        assert len(recording) == 5
    assert files_in(tmp_path) == FILES
    frames = [frame for _, frame in open_source(tmp_path / 'tracked.mp4')]
    assert len(frames) == 5
    assert frames[0].shape == (360, 480, 3)
    assert frames[2][150, 120].mean() > 200
    assert frames[3][150, 120].mean() < 30
    assert len((tmp_path / 'boxes.csv').read_text().splitlines()) == 6


def test_interrupt_keeps_the_frames_so_far(tmp_path):
    with pytest.raises(KeyboardInterrupt), Recording(tmp_path, fps=10.0) as recording:
        recording.add(0, white_square(30), RESULT)
        raise KeyboardInterrupt
    assert files_in(tmp_path) == FILES
    assert len(list(open_source(tmp_path / 'tracked.mp4'))) == 1


def test_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), Recording(tmp_path, fps=10.0) as recording:
        recording.add(0, white_square(30), RESULT)
        raise ZeroDivisionError
    assert files_in(tmp_path) == []


@pytest.mark.parametrize('error', [None, KeyboardInterrupt])
def test_no_frame_leaves_nothing(tmp_path, error):
    try:
        with Recording(tmp_path, fps=10.0):
            if error is not None:
                raise error
    except KeyboardInterrupt:
        pass
    assert files_in(tmp_path) == []
