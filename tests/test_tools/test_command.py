# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The command ``tlpg``, from the checkout and from what the wheel holds."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from fake_model import FakeModel, white_square
from tlpg_tools.writers import VideoFileWriter

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.cli import COMMANDS, main

REPOSITORY = Path(__file__).resolve().parents[2]
ENTRY = 'from tlpg_mmtrack.cli import main; sys.exit(main())'
BOXES = 'frame,x,y,w,h\n0,20,40,20,20\n'


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command changes both."""
    monkeypatch.setattr(sys, 'argv', list(sys.argv))
    monkeypatch.setattr(sys, 'path', list(sys.path))


@pytest.fixture(scope='module')
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp('build')
    subprocess.run(
        [sys.executable, 'setup.py', '--quiet', 'build', '--build-base', str(folder)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    return folder / 'lib'


def tlpg(folder: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as its entry point does, with the package of a folder."""
    return subprocess.run(
        [sys.executable, '-c', f'import sys; {ENTRY}', *arguments],
        cwd=cwd,
        env={**os.environ, 'PYTHONPATH': str(folder)},
        capture_output=True,
        text=True,
    )


def test_the_entry_point_is_this_command() -> None:
    config = configparser.ConfigParser()
    config.read(REPOSITORY / 'setup.cfg')
    name, value = config['options.entry_points']['console_scripts'].strip().split(' = ')
    assert name == 'tlpg'
    assert EntryPoint(name, value, 'console_scripts').load() is main


def test_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    (tmp_path / 'boxes.csv').write_text(BOXES)
    options = ['--to', 'cvat', '--size', '160', '120']
    done = tlpg(installed, tmp_path, 'convert', 'boxes.csv', 'boxes.xml', *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'wrote boxes.xml: 1 boxes of 1 targets\n'
    assert 'xtl="20.0000"' in (tmp_path / 'boxes.xml').read_text()


def test_a_user_s_own_modules_have_the_same_names(installed: Path, tmp_path: Path) -> None:
    """Neither side gets the other's."""
    names = ('convert', 'command_line', 'tools')
    for name in names:
        (tmp_path / f'{name}.py').write_text('MINE = True')
    (tmp_path / 'boxes.csv').write_text(BOXES)
    code = (
        'import importlib, sys; from tlpg_mmtrack.cli import main\n'
        'assert main(sys.argv[1:]) == 0\n'
        f'assert all(importlib.import_module(name).MINE for name in {names})\n'
    )
    command = [sys.executable, '-c', code, 'convert', 'boxes.csv', 'a.txt', '--to', 'mot']
    environment = {**os.environ, 'PYTHONPATH': f'{installed}{os.pathsep}{tmp_path}'}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)


@pytest.mark.parametrize('name', COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, '--help'])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f'usage: tlpg {name} [-h]')
    assert f'example: tlpg {name} ' in text


def test_help_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(['--help']) == 0
    text = capsys.readouterr().out
    assert all(f'\n  {name} ' in text for name in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--version']) == 0
    assert capsys.readouterr().out == 'tlpg 0.1.0\n'


def test_another_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['trak']) == 2
    assert capsys.readouterr().err.startswith("error: no command 'trak'; one of track, web, ")


def test_what_a_user_can_fix_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['convert', 'none.csv', 'a.xml', '--to', 'cvat']) == 2
    assert capsys.readouterr().err == 'error: boxes: none.csv is not a file; check the path\n'


def test_it_tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tracker, 'from_pretrained', lambda *_: Tracker(FakeModel(), 'cpu'))
    video = tmp_path / 'a.mp4'
    with VideoFileWriter(video, 25.0) as writer:
        for index in range(4):
            writer.write(white_square(20 + 4 * index))
    box, out = ['--box', '20', '40', '20', '20'], tmp_path / 'out'
    assert main(['track', str(video), *box, '--out', str(out)]) == 0
    assert len((out / 'boxes.csv').read_text().splitlines()) == 5
