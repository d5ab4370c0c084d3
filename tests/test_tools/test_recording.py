# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of a run's files."""

from __future__ import annotations

import csv
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import numpy as np
import pytest
from fake_model import white_square
from tlpg_tools import recording as recording_module
from tlpg_tools.recording import Recording

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import FileError
from tlpg_mmtrack.utils.frames import open_source

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


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, 'No space left on device')


def test_a_video_that_cannot_be_finished_costs_no_boxes(tmp_path, monkeypatch):
    def damaged(*_: object) -> None:
        raise FileError('tracked.mp4: cannot be written')

    monkeypatch.setattr(recording_module.VideoFileWriter, 'close', damaged)
    with (
        pytest.raises(FileError, match='cannot be written'),
        Recording(tmp_path, fps=10.0) as recording,
    ):
        for index in range(5):
            recording.add(index, white_square(30), RESULT)
    assert files_in(tmp_path) == ['boxes.csv']
    assert len((tmp_path / 'boxes.csv').read_text().splitlines()) == 6


def test_a_disk_that_is_full_midway_leaves_whole_rows_and_is_named(tmp_path, monkeypatch):
    make_writer = csv.writer

    def full_after_two_rows(file: TextIO) -> SimpleNamespace:
        rows, left = make_writer(file), iter(range(2))
        return SimpleNamespace(
            writerow=lambda row: no_space() if next(left, None) is None else rows.writerow(row)
        )

    monkeypatch.setattr(csv, 'writer', full_after_two_rows)
    with (
        pytest.raises(FileError, match=r'boxes\.csv: cannot be written \(No space left'),
        Recording(tmp_path, fps=10.0) as recording,
    ):
        recording.add(0, white_square(30), RESULT)
        recording.add(1, white_square(30), RESULT)
    assert files_in(tmp_path) == ['boxes.csv']
    assert len((tmp_path / 'boxes.csv').read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ('function', 'file'), [('save_picture', 'contact_sheet.png'), ('plot_scores', 'scores.png')]
)
def test_a_picture_without_room_is_named_and_costs_no_boxes(tmp_path, monkeypatch, function, file):
    monkeypatch.setattr(recording_module, function, no_space)
    with (
        pytest.raises(FileError, match=f'{file}: cannot be written .No space left'),
        Recording(tmp_path, fps=10.0) as recording,
    ):
        recording.add(0, white_square(30), RESULT)
    assert {'boxes.csv', 'tracked.mp4'} <= set(files_in(tmp_path))


@pytest.mark.parametrize('error', [None, KeyboardInterrupt])
def test_no_frame_leaves_nothing(tmp_path, error):
    try:
        with Recording(tmp_path, fps=10.0):
            if error is not None:
                raise error
    except KeyboardInterrupt:
        pass
    assert files_in(tmp_path) == []
