# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Mean and spread over several runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tlpg_mmtrack.evaluation.results import ResultsFolder, summarise_repeats


def write_runs(
    folder: Path, values: list[float], left_out: list[dict[str, str]] | None = None
) -> dict[int, Path]:
    """Summaries of runs with seeds from 5, each with one figure."""
    runs = {5 + index: folder / f'seed{5 + index}' for index in range(len(values))}
    for index, path in enumerate(runs.values()):
        results = ResultsFolder(path)
        results.prepare({}, {})
        figures = {'otb/success': values[index], 'videos': 3}
        out = left_out[index] if left_out else {}
        results.write_summary(dict(figures=figures, left_out=out))
    return runs


def test_mean_and_spread(tmp_path: Path) -> None:
    text = summarise_repeats(tmp_path / 'repeats.json', write_runs(tmp_path, [60.0, 62.0, 67.0]))
    lines = text.splitlines()
    assert lines[0].startswith('3 runs, seeds 5 to 7; spread: standard deviation')
    # The root of (3^2 + 1^2 + 4^2) / 2.
    assert lines[2].split() == ['otb/success', '63.00', '3.61', '60.00', '67.00']
    content = json.loads((tmp_path / 'repeats.json').read_text())
    assert content['figures']['otb/success']['spread'] == pytest.approx(13**0.5)
    assert content['runs']['6'] == {'otb/success': 62.0, 'videos': 3}


def test_what_every_run_left_out_is_named(tmp_path: Path) -> None:
    runs = write_runs(tmp_path, [1.0, 2.0], [{'Car1': 'truncated'}] * 2)
    assert summarise_repeats(tmp_path / 'a.json', runs).endswith('left out in every run: Car1')
    assert json.loads((tmp_path / 'a.json').read_text())['left_out'] == {'Car1': 'truncated'}


def test_runs_that_do_not_fit_together_have_no_mean(tmp_path: Path) -> None:
    runs = write_runs(tmp_path, [1.0, 2.0], [{}, {'Car1': 'truncated'}])
    message = r"seed 5 left out \[\], that of seed 6 \['Car1'\]; there is no mean"
    with pytest.raises(ValueError, match=message):
        summarise_repeats(tmp_path / 'a.json', runs)
    ResultsFolder(runs[6]).write_summary(dict(figures={'success': 1.0}, left_out={}))
    with pytest.raises(ValueError, match='seeds 5 and 6 have different figures'):
        summarise_repeats(tmp_path / 'a.json', runs)
    (runs[6] / 'summary.json').unlink()
    with pytest.raises(ValueError, match=r'seed6/summary\.json cannot be read'):
        summarise_repeats(tmp_path / 'a.json', runs)
    assert not (tmp_path / 'a.json').exists()
