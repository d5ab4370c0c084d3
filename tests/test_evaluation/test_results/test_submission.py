# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Archives for the servers, read back as the servers' own tools would."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tlpg_mmtrack.evaluation.results import VideoResult, write_submission

RESULTS = [
    VideoResult(name, (80, 60), regions, [[0.0] * 4], [True] * 2, times)
    for name, regions, times in (
        ('GOT-10k_Test_000001', [[1.0, 2.0, 4.0, 6.0], [1.5, 2.5, 5.0, 7.25]], [0.5, 0.04]),
        ('GOT-10k_Test_000002', [[10.0, 20.0, 40.0, 60.0]] * 2, [0.25, 0.0]),
    )
]


def read(archive: zipfile.ZipFile, name: str) -> list:
    """The numbers of a file in an archive."""
    return np.loadtxt(io.StringIO(archive.read(name).decode()), delimiter=',').tolist()


def test_got10k_has_boxes_and_true_times(tmp_path: Path) -> None:
    write_submission('got10k', tmp_path / 'new' / 'a.zip', RESULTS)
    with zipfile.ZipFile(tmp_path / 'new' / 'a.zip') as archive:
        first, second = (result.name for result in RESULTS)
        assert set(archive.namelist()) == {
            f'{name}/{name}_{kind}.txt' for name in (first, second) for kind in ('001', 'time')
        }
        assert read(archive, f'{first}/{first}_001.txt') == [[1, 2, 3, 4], [1.5, 2.5, 3.5, 4.75]]
        assert read(archive, f'{first}/{first}_time.txt') == [0.5, 0.04]
        # The server divides by it.
        assert min(read(archive, f'{second}/{second}_time.txt')) > 0


def test_trackingnet_has_one_file_a_video(tmp_path: Path) -> None:
    write_submission('trackingnet', tmp_path / 'a.zip', RESULTS)
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert archive.namelist() == [f'{result.name}.txt' for result in RESULTS]
        assert read(archive, f'{RESULTS[1].name}.txt') == [[10, 20, 30, 40]] * 2
    assert [path.name for path in tmp_path.iterdir()] == ['a.zip']


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got 'lasot'"):
        write_submission('lasot', tmp_path / 'a.zip', RESULTS)
