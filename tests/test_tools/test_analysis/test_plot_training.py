# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training curves, from logs as mmengine writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plot_training import load_training, main, plot_training


def _write_log(work_dir: Path, started: str, *entries: dict, tail: str = '') -> None:
    folder = work_dir / started / 'vis_data'
    folder.mkdir(parents=True)
    lines = ''.join(json.dumps(entry) + '\n' for entry in entries)
    (folder / 'scalars.json').write_text(lines + tail)


def _train(iteration: int, loss: float) -> dict:
    return {
        'lr': 1e-3,
        'grad_norm': 2.0,
        'loss': loss,
        'refine.loss_cls': loss / 2,
        'time': 0.3,
        'epoch': 1,
        'iter': iteration,
        'step': iteration,
    }


def test_a_resumed_training_is_one_curve(tmp_path: Path) -> None:
    success = {'sot/success': 61.5, 'data_time': 0.1, 'step': 1}
    # The second run was killed in the middle of a line.
    _write_log(tmp_path, '20260101_1', _train(10, 4.0), success, _train(20, 9.0))
    _write_log(tmp_path, '20260101_2', _train(20, 3.0), tail='{"loss": 2')
    course = load_training(tmp_path)
    assert course.losses == {
        'loss': {10: 4.0, 20: 3.0},
        'refine.loss_cls': {10: 2.0, 20: 1.5},
    }
    assert course.figures == {'sot/success': {10: 61.5}}


def test_files(tmp_path: Path) -> None:
    _write_log(tmp_path / 'run', '1', _train(10, 4.0), {'sot/success': 61.5}, _train(20, 3.0))
    files = plot_training('run', load_training(tmp_path / 'run'), tmp_path / 'deep' / 'out')
    assert [path.name for path in files] == ['run.png', 'run.csv']
    assert files[1].read_text().splitlines() == [
        'iteration,loss,refine.loss_cls,sot/success',
        '10,4.000000,2.000000,61.500000',
        '20,3.000000,1.500000,',
    ]
    assert files[0].stat().st_size > 1000


def test_a_folder_without_a_training(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='holds no log of a training; pass what'):
        load_training(tmp_path)
    _write_log(tmp_path, '1', {'sot/success': 61.5})
    with pytest.raises(ValueError, match=str(tmp_path)):
        load_training(tmp_path)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / 'run' / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 2.0, "iter": 20}\n{"loss": 1.0, "iter": 40}\n')
    out = tmp_path / 'out'
    assert main([str(tmp_path / 'run'), '--out', str(out)]) == 0
    assert capsys.readouterr().out == f'{out / "run.png"}\n'
    assert {path.name for path in out.iterdir()} == {'run.csv', 'run.png'}
    assert main([str(out), '--out', str(out)]) == 2
    assert f'{out} holds no log of a training' in capsys.readouterr().err
