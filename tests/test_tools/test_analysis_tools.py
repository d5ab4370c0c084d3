# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Runs the commands of tools/analysis on made-up results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from written_runs import load_tool, write_run, write_square_clips, write_square_run

from tlpg_mmtrack.apis.writers import VideoFileWriter


def test_plot_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / 'one', {'a': 10.0})
    write_run(tmp_path / 'two', {'a': 0.0}, left_out={'b': 'no frames'})
    out = tmp_path / 'deep' / 'out'
    arguments = [str(tmp_path / 'one'), str(tmp_path / 'two'), '--out', str(out)]
    assert load_tool('analysis/plot_curves').main(arguments) == 0
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
    assert load_tool('analysis/plot_curves').main([str(out), '--out', str(out)]) == 2
    assert f'{out} holds no results' in capsys.readouterr().err


def test_plot_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / 'run' / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 2.0, "iter": 20}\n{"loss": 1.0, "iter": 40}\n')
    tool, out = load_tool('analysis/plot_training'), tmp_path / 'out'
    assert tool.main([str(tmp_path / 'run'), '--out', str(out)]) == 0
    assert capsys.readouterr().out == f'{out / "run.png"}\n'
    assert {path.name for path in out.iterdir()} == {'run.csv', 'run.png'}
    assert tool.main([str(out), '--out', str(out)]) == 2
    assert f'{out} holds no log of a training' in capsys.readouterr().err


def test_compare_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / 'one', {'a': 10.0, 'b': 0.0})
    write_run(tmp_path / 'two', {'a': 0.0, 'b': 0.0})
    (tmp_path / 'attributes.csv').write_text('a,OCC\n')
    tool = load_tool('analysis/compare_videos')
    arguments = [str(tmp_path / 'one'), str(tmp_path / 'two'), '--out', str(tmp_path / 'out')]
    assert tool.main([*arguments, '--attributes', str(tmp_path / 'attributes.csv')]) == 0
    printed = capsys.readouterr()
    assert '1 videos have no attribute: b' in printed.err
    assert [line.split()[-1] for line in printed.out.splitlines()[1:3]] == ['b', 'a']
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {
        'videos.csv',
        'videos.png',
        'attributes.csv',
        'attributes.png',
    }
    write_run(tmp_path / 'two', {'c': 0.0})
    assert tool.main(arguments) == 2
    assert 'one lacks 1 videos' in capsys.readouterr().err


def test_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_square_clips(tmp_path / 'clips', ('A',))
    for name in ('one', 'two'):
        write_run(tmp_path / name, {'A': 3.0})
    tool = load_tool('analysis/side_by_side')
    out = tmp_path / 'out' / 'A.mp4'
    arguments = [str(tmp_path / 'one'), str(tmp_path / 'two'), 'A', '--out', str(out)]
    assert tool.main(arguments) == 2
    assert 'pass --frames' in capsys.readouterr().err
    assert tool.main([*arguments, '--frames', str(tmp_path / 'clips/A/img')]) == 0
    assert out.stat().st_size > 0
    assert 'A.mp4, 4 frames' in capsys.readouterr().out


@pytest.mark.parametrize('fps', ['0', '-25', 'nan', 'inf', 'fast'])
def test_side_by_side_needs_a_rate(capsys: pytest.CaptureFixture[str], fps: str) -> None:
    tool = load_tool('analysis/side_by_side')
    with pytest.raises(SystemExit) as caught:
        tool.main(['one', 'two', 'A', '--out', 'A.mp4', f'--fps={fps}'])
    assert caught.value.code == 2
    assert 'argument --fps: ' in capsys.readouterr().err


def test_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_square_clips(tmp_path / 'clips', ('A', 'B'))
    write_square_run(tmp_path / 'run', {'A': (0, 0, 0, 0), 'B': (0, 0, 30, 0)})
    tool = load_tool('analysis/failures')
    out = tmp_path / 'deep' / 'out'
    arguments = [str(tmp_path / 'run'), '--data', str(tmp_path / 'clips'), '--out', str(out)]
    assert tool.main([*arguments, '--count', '1']) == 0
    printed = capsys.readouterr().out
    assert 'run: the 1 worst of 2 sequences' in printed
    assert printed.splitlines()[-1].startswith('| B | 4 |')
    assert printed == (out / 'failures.md').read_text()
    assert {path.name for path in out.iterdir()} == {
        f'failures.{kind}' for kind in ('csv', 'md', 'png')
    }
    assert tool.main([*arguments, '--count', '0']) == 2
    assert 'count: must be at least 1, got 0' in capsys.readouterr().err
    (tmp_path / 'run/videos/A.json').unlink()
    assert tool.main(arguments) == 2
    assert 'lacks 1 sequences' in capsys.readouterr().err


def test_animate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    with VideoFileWriter(tmp_path / 'clip.mp4', 20.0) as writer:
        for index in range(5):
            writer.write(np.full((48, 64, 3), 40 * index, np.uint8))
    out = tmp_path / 'clip.webp'
    assert load_tool('analysis/animate').main([str(tmp_path / 'clip.mp4'), str(out)]) == 0
    assert capsys.readouterr().out.startswith(f'{out}: 3 frames, ')
    with Image.open(out) as moving:
        assert moving.n_frames == 3
        moving.seek(2)
        assert abs(int(np.asarray(moving.convert('RGB')).mean()) - 160) < 8
