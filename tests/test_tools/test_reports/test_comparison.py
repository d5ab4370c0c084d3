# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Two runs, video by video and attribute by attribute."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from reports.comparison import (
    Row,
    compare_attributes,
    compare_videos,
    plot_rows,
    write_rows,
)
from reports.runs import Run, load_runs
from written_runs import write_run


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two runs; at 20 pixels the first is precise in a and b, the second in b and c."""
    write_run(tmp_path / 'one', {'a': 0.0, 'b': 0.0, 'c': 25.0})
    write_run(tmp_path / 'two', {'a': 25.0, 'b': 0.0, 'c': 0.0})
    return load_runs([tmp_path / 'one', tmp_path / 'two'])


def test_videos_are_sorted_by_difference(runs: list[Run]) -> None:
    rows = compare_videos(*runs, 'otb', 'precision')
    assert rows == [Row('a', 4, 1.0, 0.25), Row('b', 4, 1.0, 1.0), Row('c', 4, 0.25, 1.0)]
    assert [row.difference for row in rows] == [0.75, 0.0, -0.75]


def test_attributes_average_their_videos(runs: list[Run]) -> None:
    attributes = {'a': ['OCC', 'IV'], 'b': ['OCC'], 'elsewhere': ['SV']}
    rows = compare_attributes(*runs, attributes, 'otb', 'precision')
    assert rows == [Row('IV', 1, 1.0, 0.25), Row('OCC', 2, 1.0, 0.625)]


def test_attributes_of_other_videos_are_refused(runs: list[Run]) -> None:
    with pytest.raises(ValueError, match=r"name videos as the files .* such as 'a'"):
        compare_attributes(*runs, {'A': ['OCC']}, 'otb', 'precision')


def test_an_unknown_measure_is_refused(runs: list[Run]) -> None:
    with pytest.raises(ValueError, match='measure: must be one of'):
        compare_videos(*runs, 'otb', 'success_curve')


def test_tables_and_bars_are_written(runs: list[Run], tmp_path: Path) -> None:
    rows = compare_videos(*runs, 'otb', 'precision')
    write_rows(tmp_path / 'videos.csv', rows, 'video', 'frames', ['one', 'two'])
    assert (tmp_path / 'videos.csv').read_text().splitlines()[:2] == [
        'video,frames,one,two,difference',
        'a,4,1.000000,0.250000,0.750000',
    ]
    plot_rows(tmp_path / 'few.png', rows, 'few')
    plot_rows(tmp_path / 'many.png', rows * 60, 'many')
    few, many = (cv2.imread(str(tmp_path / f'{name}.png')).shape for name in ('few', 'many'))
    # 120 of 180 bars, 0.2 inches each.
    assert few[0] < many[0] < 120 * (1.6 + 0.2 * 121)
