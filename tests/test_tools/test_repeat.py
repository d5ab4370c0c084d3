# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Runs tools/test.py --repeat in this process, on small clips."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import clip_config, write_clips
from written_runs import load_tool

from tlpg_mmtrack.evaluation.results import ResultsFolder

summarise_repeats = load_tool('test').summarise_repeats


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The file of a config that runs the random walker over two clips, seed 3."""
    write_clips(tmp_path / 'clips', {'Car1': 9, 'Vase': 7})
    content = clip_config(tmp_path / 'clips', tmp_path / 'unused')
    content.dump(tmp_path / 'walk.py')
    return tmp_path / 'walk.py'


def run_test(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path, code: int = 0) -> None:
    """Run the tool as from the command line; it must end with this exit code."""
    monkeypatch.setattr(sys, 'argv', ['test.py', *map(str, arguments)])
    assert load_tool('test').main() == code


def figures(folder: Path) -> dict[str, float]:
    """A run's figures, without the speed."""
    content = json.loads((folder / 'results/summary.json').read_text())['figures']
    return {name: value for name, value in content.items() if name != 'fps'}


def test_repeats_differ_in_their_seed_and_go_on(config, tmp_path, monkeypatch, capsys):
    work = tmp_path / 'work'
    run_test(monkeypatch, config, '--work-dir', work, '--repeat', '2')
    runs = [figures(work / f'seed{seed}') for seed in (3, 4)]
    assert runs[0] != runs[1]
    for seed in (3, 4):
        manifest = json.loads((work / f'seed{seed}/results/manifest.json').read_text())
        assert manifest['identity']['seed'] == seed
    written = (work / 'seed4/results/videos/Vase.json').stat().st_mtime_ns
    (work / 'seed3/results/videos/Vase.json').unlink()

    capsys.readouterr()
    run_test(monkeypatch, config, '--work-dir', work, '--repeat', '3')
    assert figures(work / 'seed3') == runs[0], 'the video that was missing is tracked alike'
    assert (work / 'seed4/results/videos/Vase.json').stat().st_mtime_ns == written
    success = [figures(work / f'seed{seed}')['otb/success'] for seed in (3, 4, 5)]
    content = json.loads((work / 'repeats.json').read_text())['figures']
    assert content['otb/success']['mean'] == pytest.approx(np.mean(success))
    assert content['otb/success']['spread'] == pytest.approx(np.std(success, ddof=1))
    assert '3 runs, seeds 3 to 5' in capsys.readouterr().out


def test_one_run_has_the_figures_of_that_seed(config, tmp_path, monkeypatch):
    run_test(monkeypatch, config, '--work-dir', tmp_path / 'many', '--repeat', '2')
    seed = ['--cfg-options', 'randomness.seed=4']
    run_test(monkeypatch, config, '--work-dir', tmp_path / 'one', *seed)
    assert figures(tmp_path / 'one') == figures(tmp_path / 'many/seed4')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--repeat', '1'], 'a spread takes 2 runs or more, got 1'),
        (['--repeat', '2', '--cfg-options', 'test_cfg.type=TestLoop'], "test_cfg is 'TestLoop'"),
        (['--repeat', '2', '--cfg-options', 'test_cfg.results_dir=a'], 'one folder for all runs'),
    ],
)
def test_what_cannot_be_repeated_is_refused_at_once(
    arguments, message, config, monkeypatch, capsys
):
    run_test(monkeypatch, config, *arguments, code=2)
    assert message in capsys.readouterr().err


def test_help_names_it_beside_mmtracks_options(monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        run_test(monkeypatch, '--help')
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert '--repeat N runs the test N times' in text
    assert '--cfg-options' in text


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
    assert (
        load_tool('test')
        .summarise_repeats(tmp_path / 'a.json', runs)
        .endswith('left out in every run: Car1')
    )
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
