# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Runs tools/compare.py with the trackers that every OpenCV has, and the analysis on top."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import plot_curves
import pytest
import side_by_side
from fake_model import FakeModel
from small_baselines import small_config
from tlpg_tools.compare import main
from written_runs import write_square_clips

from tlpg_mmtrack.apis.tracker import Tracker


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A comparison of the stand-in with MIL on two clips."""
    monkeypatch.setattr(
        Tracker, 'from_pretrained', lambda *_: Tracker(FakeModel(), 'cpu'), raising=True
    )
    write_square_clips(tmp_path / 'clips')
    paths = ['--data', str(tmp_path / 'clips'), '--out', str(tmp_path / 'out')]
    return ['--trackers', 'mil', 'tlpg', *paths]


def test_prints_a_table_and_feeds_the_analysis(arguments, tmp_path, capsys):
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines[-2:]}
    assert {name: row[0] for name, row in table.items()} == {'tlpg': '2/2', 'mil': '2/2'}
    assert (tmp_path / 'out/comparison.csv').is_file()
    runs = [str(tmp_path / 'out' / name) for name in ('tlpg', 'mil')]
    assert plot_curves.main([*runs, '--out', str(tmp_path / 'curves')]) == 0
    assert side_by_side.main([*runs, 'A', '--out', str(tmp_path / 'a.mp4')]) == 0


@pytest.mark.parametrize(('option', 'left'), [([], 30.0), (['--no-one-based'], 31.0)])
def test_the_base_of_boxes_can_be_given(option, left, arguments, tmp_path):
    assert main([arguments[0], 'mil', *arguments[3:], *option]) == 0
    result = json.loads((tmp_path / 'out/mil/videos/A.json').read_text())
    assert result['truth'][0] == [left, left + 10, left + 20, left + 30]


def test_an_untrained_model_is_called_that_in_table_and_folder(arguments, tmp_path, capsys):
    small_config('stark').dump(tmp_path / 'stark.py')
    tracker = f'stark={tmp_path / "stark.py"}:untrained'
    assert main([arguments[0], tracker, *arguments[3:]]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith('stark-untrained')
    assert (tmp_path / 'out/stark-untrained/summary.json').is_file()
    assert 'stark-untrained,2,2,' in (tmp_path / 'out/comparison.csv').read_text()


def test_a_video_that_was_left_out_shows_in_table_and_status(arguments, tmp_path, capsys):
    (tmp_path / 'clips/B/img/0002.jpg').write_bytes(b'no image')
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert out.count('1/2') == 2
    assert 'videos were left out' in out


def test_figures_of_frames_that_were_replaced_are_not_shown(arguments, tmp_path, capsys):
    assert main(arguments) == 0
    capsys.readouterr()
    for image in (tmp_path / 'clips').rglob('*.jpg'):
        cv2.imwrite(str(image), np.zeros((120, 160, 3), np.uint8))
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ''
    assert "holds 'A' of other data" in output.err


@pytest.mark.parametrize('seed', ['-1', '2147483648'])
def test_a_seed_that_cannot_be_used_is_refused_before_anything_runs(
    seed, arguments, tmp_path, capsys
):
    with pytest.raises(SystemExit) as caught:
        main([*arguments, '--seed', seed])
    assert caught.value.code == 2
    assert '--seed' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_bad_input_is_explained_before_anything_runs(arguments, tmp_path, capsys):
    assert main([*arguments[:1], 'mil', 'boosting', *arguments[3:]]) == 2
    assert "'boosting' must be one of" in capsys.readouterr().err
    assert main([*arguments[:1], 'mil', 'mil', *arguments[3:]]) == 2
    assert 'each name can be there once' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_ctrl_c_says_how_to_go_on(arguments, monkeypatch, capsys):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeModel, 'step', interrupted)
    assert main(arguments) == 130
    assert capsys.readouterr().err.endswith('interrupted; the same command goes on\n')
