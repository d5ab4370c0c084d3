# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Results folders that can be compared, and those that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tlpg_tools.reports import load_run, load_runs
from written_runs import write_run


def test_reads_boxes_as_corner_and_size(tmp_path: Path) -> None:
    write_run(tmp_path / 'work' / 'results', {'b': 0.0, 'a': 5.0})
    run = load_run(tmp_path / 'work' / 'results')
    assert (run.name, list(run.videos), run.incomplete) == ('work', ['a', 'b'], None)
    assert run.videos['a'].boxes[1].tolist() == [15, 40, 20, 20]
    assert run.videos['a'].truth[1].tolist() == [10, 40, 20, 20]


def test_runs_of_one_name_get_their_paths(tmp_path: Path) -> None:
    for folder in ('x', 'y'):
        write_run(tmp_path / folder / 'tlpg', {'a': 0.0})
    runs = load_runs([tmp_path / folder / 'tlpg' for folder in ('x', 'y')])
    assert [run.name for run in runs] == [str(run.path) for run in runs]


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf'{tmp_path} holds no results .*; pass a folder that'):
        load_run(tmp_path)


def test_folders_of_different_videos_are_refused_in_either_order(tmp_path: Path) -> None:
    write_run(tmp_path / 'whole', {'a': 0.0, 'b': 0.0})
    write_run(tmp_path / 'part', {'a': 0.0}, left_out={'b': '0003.jpg is truncated'})
    paths = [tmp_path / 'whole', tmp_path / 'part']
    for order in (paths, paths[::-1]):
        with pytest.raises(ValueError, match=r'part lacks 1 videos .*: b \(its run left out b'):
            load_runs(order)


def test_different_truth_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / 'one', {'a': 0.0})
    write_run(tmp_path / 'two', {'a': 0.0}, truth_at=11)
    with pytest.raises(ValueError, match="hold video 'a' with different ground truth"):
        load_runs([tmp_path / 'one', tmp_path / 'two'])


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'summary': False}, 'has not ended'),
        ({'left_out': {'c': 'no frames'}}, 'left out c (no frames)'),
    ],
)
def test_an_incomplete_folder_says_so(changes: dict, reason: str, tmp_path: Path) -> None:
    write_run(tmp_path / 'run', {'a': 0.0}, **changes)
    assert reason in load_run(tmp_path / 'run').incomplete


def test_videos_that_came_after_the_summary_are_noticed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / 'run', {'a': 0.0, 'b': 0.0})
    folder.write_summary({'figures': {'videos': 1}, 'left_out': {}})
    assert (
        load_run(tmp_path / 'run').incomplete == 'its summary.json is of 1 videos, but 2 are there'
    )


@pytest.mark.parametrize(
    ('part', 'value', 'message'),
    [
        ('regions', [[1.0]] * 4, r'supervised \(VOT\) run'),
        ('truth', [[0, 0, 1, 1]], '1 true boxes for 4 frames'),
        ('regions', [[np.nan] * 4] * 4, 'a tracked box is not finite'),
    ],
)
def test_what_has_no_one_pass_measure_is_refused(part, value, message, tmp_path):
    write_run(tmp_path / 'run', {'a': 0.0})
    path = tmp_path / 'run' / 'videos' / 'a.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | {part: value}))
    with pytest.raises(ValueError, match=message):
        load_run(tmp_path / 'run')
