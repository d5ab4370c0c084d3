# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The video of two trackers with the truth."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from side_by_side import find_frames, main, write_side_by_side
from tlpg_tools.reports import Run, load_runs
from written_runs import write_run, write_square_clips


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two runs over the clip A, 60 and 90 pixels off; its frames are in clips/A/img."""
    write_square_clips(tmp_path / 'clips', ('A',))
    write_run(tmp_path / 'one', {'A': 60.0})
    write_run(tmp_path / 'two', {'A': 90.0})
    return load_runs([tmp_path / 'one', tmp_path / 'two'])


def near(frame: np.ndarray, x: int, y: int) -> np.ndarray:
    """Mean colour around a pixel of a 160 x 120 frame, shown three times as large."""
    return frame[3 * y - 1 : 3 * y + 2, 3 * x - 1 : 3 * x + 2].reshape(-1, 3).mean(axis=0)


def test_shows_each_trackers_box_and_the_truth(runs: list[Run], tmp_path: Path) -> None:
    path = tmp_path / 'out.mp4'
    assert write_side_by_side(*runs, 'A', tmp_path / 'clips/A/img', path, 10) == 4
    capture = cv2.VideoCapture(str(path))
    frames = [capture.read()[1] for _ in range(4)]
    assert not capture.read()[0]
    assert frames[3].shape == (360, 960, 3)
    left, right = frames[3][:, :480], frames[3][:, 480:]
    for panel, x, other in ((left, 70, 100), (right, 100, 70)):
        assert near(panel, 10, 50)[1] > 120, 'the left edge of the truth is green'
        assert near(panel, x, 50).max() > 120, "the left edge of this tracker's box"
        assert near(panel, other, 50).max() < 60, "there is no other tracker's box"


def test_another_number_of_frames_is_refused(runs: list[Run], tmp_path: Path) -> None:
    (tmp_path / 'clips/A/img/0004.jpg').unlink()
    with pytest.raises(ValueError, match='has 3 frames, but 4 were tracked'):
        write_side_by_side(*runs, 'A', tmp_path / 'clips/A/img', tmp_path / 'out.mp4', 10)
    assert not (tmp_path / 'out.mp4').exists()


def test_an_unknown_video_or_ending_is_refused(runs: list[Run], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no 'B'; it has A"):
        write_side_by_side(*runs, 'B', tmp_path, tmp_path / 'out.mp4', 10)
    with pytest.raises(ValueError, match=r'must end in \.mp4'):
        write_side_by_side(*runs, 'A', tmp_path, tmp_path / 'out.avi', 10)


def test_frames_are_found_where_the_manifest_says(runs: list[Run], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not say where the frames of 'A' are"):
        find_frames(runs[0], 'A')
    path = tmp_path / 'one/manifest.json'
    manifest = json.loads(path.read_text())
    manifest['runs'][-1]['frames'] = {'A': str(tmp_path / 'clips/A/img')}
    path.write_text(json.dumps(manifest))
    assert find_frames(runs[0], 'A') == tmp_path / 'clips/A/img'
    (tmp_path / 'clips').rename(tmp_path / 'moved')
    with pytest.raises(FileNotFoundError, match='is not there; pass --frames'):
        find_frames(runs[0], 'A')


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_square_clips(tmp_path / 'clips', ('A',))
    for name in ('one', 'two'):
        write_run(tmp_path / name, {'A': 3.0})
    out = tmp_path / 'out' / 'A.mp4'
    arguments = [str(tmp_path / 'one'), str(tmp_path / 'two'), 'A', '--out', str(out)]
    assert main(arguments) == 2
    assert 'pass --frames' in capsys.readouterr().err
    assert main([*arguments, '--frames', str(tmp_path / 'clips/A/img')]) == 0
    assert out.stat().st_size > 0
    assert 'A.mp4, 4 frames' in capsys.readouterr().out


@pytest.mark.parametrize('fps', ['0', 'nan'])
def test_side_by_side_needs_a_rate(capsys: pytest.CaptureFixture[str], fps: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(['one', 'two', 'A', '--out', 'A.mp4', f'--fps={fps}'])
    assert caught.value.code == 2
    assert 'argument --fps: ' in capsys.readouterr().err
