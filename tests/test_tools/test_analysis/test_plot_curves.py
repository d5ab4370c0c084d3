# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Curves of several trackers, as pictures and tables."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import pytest
from plot_curves import main, plot_curves
from tlpg_tools.reports import load_runs
from written_runs import write_run


def read(path: Path) -> list[list[str]]:
    """A table's rows."""
    with open(path, newline='') as file:
        return list(csv.reader(file))


def test_writes_curves_and_figures_best_first(tmp_path: Path) -> None:
    # 20 x 20 boxes, 10 pixels off: overlap 1/3; 25 pixels off: none.
    write_run(tmp_path / 'bad', {'a': 10.0, 'b': 25.0})
    write_run(tmp_path / 'good', {'a': 0.0, 'b': 10.0}, summary=False)
    runs = load_runs([tmp_path / 'bad', tmp_path / 'good'])
    scores = plot_curves(runs, 'otb', tmp_path / 'out')
    assert list(scores) == ['good', 'bad']
    for name in ('success', 'precision', 'norm_precision'):
        assert cv2.imread(str(tmp_path / 'out' / f'{name}.png')) is not None
    success = read(tmp_path / 'out' / 'success.csv')
    assert success[0] == ['threshold', 'good', 'bad']
    assert len(success) == 22
    # At 0.5: all of 'a' and one frame in four of 'b'; one frame in four of either.
    assert [float(cell) for cell in success[11]] == [0.5, 0.625, 0.25]
    precision = read(tmp_path / 'out' / 'precision.csv')
    assert [float(cell) for cell in precision[21]] == [20, 1, 0.625]
    assert [float(cell) for cell in read(tmp_path / 'out' / 'norm_precision.csv')[51]] == [
        0.5,
        1,
        0.625,
    ]
    header, *rows = read(tmp_path / 'out' / 'figures.csv')
    figures = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row['tracker'] for row in figures] == ['good', 'bad']
    assert [row['incomplete'] for row in figures] == ['yes', 'no']
    assert float(figures[0]['success']) == pytest.approx(scores['good'].success, abs=1e-6)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / 'one', {'a': 10.0})
    write_run(tmp_path / 'two', {'a': 0.0}, left_out={'b': 'no frames'})
    out = tmp_path / 'deep' / 'out'
    arguments = [str(tmp_path / 'one'), str(tmp_path / 'two'), '--out', str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].endswith('two')
    assert 'incomplete' in printed.err
    assert 'left out b (no frames)' in printed.err
    assert {path.name for path in out.iterdir()} == {
        'figures.csv',
        *(
            f'{name}.{kind}'
            for name in ('success', 'precision', 'norm_precision')
            for kind in ('csv', 'png')
        ),
    }
    assert main([str(out), '--out', str(out)]) == 2
    assert f'{out} holds no results' in capsys.readouterr().err
