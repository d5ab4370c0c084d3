# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The gain of one row over another."""

from __future__ import annotations

from pathlib import Path

import pytest
from ablation_tables.difference import (
    mean_scores,
    paired_difference,
    video_scores,
)
from written_runs import write_run


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
