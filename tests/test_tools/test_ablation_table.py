# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The tables' rows and the configs are the same set."""

from __future__ import annotations

from pathlib import Path

import pytest
from tlpg_tools.ablation_table import TABLES, mean_scores, paired_difference, video_scores
from written_runs import write_run

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'tlpg' / 'ablation'


def test_every_config_is_a_row_and_every_row_a_config() -> None:
    stems = {path.stem for path in FOLDER.glob('*.py')}
    rows = [row for table in TABLES.values() for row in table]
    assert {row.config for row in rows} == stems - {'base_efflite0'}
    assert {row.training for row in rows} <= stems
    assert all(not row.training.endswith('_nms') for row in rows)


def test_the_papers_figures_are_in_the_papers_order() -> None:
    """RC < DC < DC+Reg < DCC; for table 2 both columns; no neck < FPN < balanced."""
    columns = [
        [row.paper for row in TABLES[1]],
        *([row.paper for row in TABLES[2]][post::2] for post in (0, 1)),
        *([row.paper for row in TABLES[3]][first : first + 3] for first in (3, 6)),
    ]
    assert [len(column) for column in columns] == [5, 5, 5, 3, 3]
    assert all(column == sorted(column) for column in columns)


def test_a_gain_is_over_a_row_of_the_same_table_and_postprocess() -> None:
    for rows in TABLES.values():
        paper = {row.config: row.paper for row in rows}
        postprocess = [(row.config.endswith('_nms'), row.below) for row in rows if row.below]
        assert all(below.endswith('_nms') == nms for nms, below in postprocess)
        gains = [(row.paper, paper[row.below]) for row in rows if row.below]
        assert all(above >= below for above, below in gains if above is not None)
    below = {row.label: row.below for row in TABLES[2]}
    assert below['BReg, NMS'] == 'dcc_nms'
    assert below['CReg+EN, IoU'] == 'creg_iou'
    assert below['Single stage, IoU'] is None


def test_scores_are_of_each_video_in_percent(tmp_path: Path) -> None:
    write_run(tmp_path / 'a', dict(hit=0.0, lost=40.0))
    scores = video_scores(tmp_path / 'a', 'otb')
    # OTB's threshold of 1 is never exceeded; the first of four frames is the true box.
    assert scores == pytest.approx(dict(hit=100 * 20 / 21, lost=25 * 20 / 21))
    assert video_scores(tmp_path / 'a', 'mmtrack') == scores


def test_the_error_is_of_the_paired_difference() -> None:
    """Videos differ by tens of points, the rows by two, four and six."""
    gain = paired_difference(dict(a=92.0, b=14.0, c=56.0), dict(a=90.0, b=10.0, c=50.0, d=0.0))
    assert gain.mean == pytest.approx(4.0)
    assert gain.error == pytest.approx(2.0 / 3**0.5)
    assert gain.videos == 3


def test_one_video_has_no_spread() -> None:
    assert paired_difference(dict(a=1.0), dict(a=0.0, b=5.0)) is None


def test_means_are_of_the_videos_that_all_runs_have() -> None:
    assert mean_scores([dict(a=1.0, b=5.0), dict(a=2.0, c=9.0)]) == dict(a=1.5)
