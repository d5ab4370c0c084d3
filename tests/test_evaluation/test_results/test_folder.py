# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The results folder: what goes in comes out, and what does not belong is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tlpg_mmtrack.evaluation.results import ResultsFolder, VideoResult
from tlpg_mmtrack.utils.errors import InputError

IDENTITY = dict(config=dict(model=dict(type='A', sizes=[1, 2])), weights_sha256='ab', seed=0)
RUN = dict(started='2020-01-01', packages=dict(torch='2.3'), cores=2)
RESULT = VideoResult(
    name='clip',
    size=(80, 60),
    regions=[[1.0, 2.0, 3.0, float(np.float32(0.1))], [2.0]],
    truth=[[0.0] * 8, [1.0] * 8],
    visible=[True, False],
    times=[0.5, 0.25],
)


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    """A folder prepared for a run."""
    folder = ResultsFolder(tmp_path / 'results')
    folder.prepare(IDENTITY, RUN)
    return folder


def test_results_come_back_bit_for_bit(folder: ResultsFolder) -> None:
    folder.write(RESULT)
    assert folder.finished() == {'clip'}
    assert folder.read('clip') == replace(RESULT, size=[80, 60])


def test_a_nan_comes_back(folder: ResultsFolder) -> None:
    folder.write(replace(RESULT, regions=[[float('nan')] * 4, [2.0]]))
    assert np.isnan(folder.read('clip').regions[0]).all()


def test_a_result_of_an_earlier_version_can_be_of_any_data(folder: ResultsFolder) -> None:
    folder.write(replace(RESULT, fingerprint='ab'))
    assert folder.read('clip').can_be_of('ab')
    assert folder.read('clip').can_be_of(None)
    assert not folder.read('clip').can_be_of('cd')
    path = folder.path / 'videos' / 'clip.json'
    content = json.loads(path.read_text())
    del content['fingerprint']
    path.write_text(json.dumps(content))
    assert folder.read('clip').can_be_of('cd')


def test_missing_and_damaged_results_are_told_apart(folder: ResultsFolder) -> None:
    with pytest.raises(FileNotFoundError):
        folder.read('clip')
    folder.write(RESULT)
    path = folder.path / 'videos' / 'clip.json'
    whole = path.read_text()
    damages = [
        whole[:50],
        whole.replace('"clip"', '"other"'),
        json.dumps(dict(json.loads(whole), times=[1])),
        '[]',
        '',
    ]
    for damage in damages:
        path.write_text(damage)
        with pytest.raises(ValueError, match=r'clip\.json is damaged'):
            folder.read('clip')
        assert folder.finished() == set()


@pytest.mark.parametrize('name', ['', 'a/b', '..', '.hidden', 'c:d'])
def test_names_that_are_no_file_names_are_refused(name: str, folder: ResultsFolder) -> None:
    with pytest.raises(ValueError, match='cannot be a file name'):
        folder.write(replace(RESULT, name=name))


def test_the_same_run_goes_on_and_is_noted(folder: ResultsFolder) -> None:
    assert folder.prepare(IDENTITY, dict(RUN, started='2021-01-01')) == []
    changes = folder.prepare(IDENTITY, dict(RUN, packages=dict(torch='2.4')))
    assert changes == ['packages.torch was "2.3", is "2.4"']
    manifest = json.loads(folder.manifest_path.read_text())
    assert manifest['identity'] == IDENTITY
    assert [run['packages']['torch'] for run in manifest['runs']] == ['2.3', '2.3', '2.4']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(seed=1), 'seed was 0, is 1'),
        (dict(weights_sha256='cd'), 'weights_sha256 was "ab", is "cd"'),
        (dict(config=dict(model=dict(type='A', sizes=[1]))), r'sizes was \[1, 2\], is \[1\]'),
        (dict(config=dict(model=dict(type='A'))), r'sizes was \[1, 2\], is "absent"'),
    ],
)
def test_another_run_is_refused_with_the_reason(
    change: dict, message: str, folder: ResultsFolder
) -> None:
    before = folder.manifest_path.read_text()
    with pytest.raises(ValueError, match=f'{message}.* Pass another folder, or remove'):
        folder.prepare(IDENTITY | change, RUN)
    assert folder.manifest_path.read_text() == before


def test_results_without_a_manifest_are_refused(folder: ResultsFolder) -> None:
    folder.write(RESULT)
    folder.manifest_path.write_text('{"format": 1')
    with pytest.raises(ValueError, match=r'manifest\.json is damaged'):
        folder.prepare(IDENTITY, RUN)
    folder.manifest_path.unlink()
    with pytest.raises(ValueError, match='results without a manifest'):
        folder.prepare(IDENTITY, RUN)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r'videos cannot be made .*; pass another folder$'):
        ResultsFolder(tmp_path / 'file' / 'results').prepare(IDENTITY, RUN)


def test_a_read_only_folder_is_named(
    folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The superuser may write anywhere: the answer of the system is replaced.
    monkeypatch.setattr('os.access', lambda path, mode: False)
    with pytest.raises(InputError, match=r'videos is read-only; pass another folder$'):
        folder.prepare(IDENTITY, RUN)


#: What another run does; without the package, whose import takes seconds.
HOLD_THE_LOCK = """
import fcntl, sys
file = open(sys.argv[1] + '/.lock', 'w')
fcntl.lockf(file, fcntl.LOCK_EX)
print('locked', flush=True)
sys.stdin.read()
"""


def test_a_second_run_on_the_folder_is_refused_until_the_first_ends(
    folder: ResultsFolder,
) -> None:
    pytest.importorskip('fcntl', reason='locks need fcntl')
    other = subprocess.Popen(
        [sys.executable, '-c', HOLD_THE_LOCK, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == 'locked\n'
        with pytest.raises(InputError, match=r'another run is writing .* pass another folder$'):
            folder.lock()
    finally:
        other.kill()
        other.communicate()
    with folder.lock():
        pass
