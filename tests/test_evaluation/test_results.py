# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The results folder: what goes in comes out, and what does not belong is refused."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tlpg_mmtrack.evaluation.results import (
    ResultsFolder,
    VideoRecord,
    VideoResult,
    write_submission,
)
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
def test_another_run_is_refused_with_the_reason(change, message, folder):
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
    with pytest.raises(ValueError, match=r'manifest\.json is missing although'):
        folder.prepare(IDENTITY, RUN)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    folder = ResultsFolder(tmp_path / 'file' / 'results')
    for make in (folder.lock, lambda: folder.prepare(IDENTITY, RUN)):
        with pytest.raises(
            InputError, match=r'results: the folder .* cannot be made \(.+\); pass another folder$'
        ):
            make()


@pytest.mark.parametrize('read_only', [True, False])
def test_a_folder_that_cannot_be_written_to_is_named(folder: ResultsFolder, read_only) -> None:
    """A read-only one; and one in whose lock's place lies something else."""
    if read_only:
        folder.path.chmod(0o500)
        if os.access(folder.path, os.W_OK):
            pytest.skip('this user writes to a read-only folder')
    else:
        (folder.path / '.lock').mkdir()
    with pytest.raises(
        InputError,
        match=r'results: the folder .* cannot be written to \(.+\); pass another folder$',
    ):
        folder.lock()


#: What another run does; without the package, whose import takes seconds.
HOLD_THE_LOCK = """
import os, sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1] + '/.lock').acquire()
if os.fork() == 0:
    # A data loader's process, which outlives it.
    print('locked', flush=True)
    os.close(1)
time.sleep(60)
"""


def test_a_second_run_on_the_folder_is_refused_until_the_first_ends(folder):
    other = subprocess.Popen(
        [sys.executable, '-c', HOLD_THE_LOCK, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert other.stdout.readline() == 'locked\n'
        with pytest.raises(InputError, match=r'another run is writing .* pass another folder$'):
            folder.lock()
        other.kill()
        other.wait()
        with folder.lock():
            pass
    finally:
        os.killpg(other.pid, signal.SIGKILL)
        other.communicate()


RESULTS = [
    VideoResult(name, (80, 60), regions, [[0.0] * 4], [True] * 2, times)
    for name, regions, times in (
        ('GOT-10k_Test_000001', [[1.0, 2.0, 4.0, 6.0], [1.5, 2.5, 5.0, 7.25]], [0.5, 0.04]),
        ('GOT-10k_Test_000002', [[10.0, 20.0, 40.0, 60.0]] * 2, [0.25, 0.0]),
    )
]


def read(archive: zipfile.ZipFile, name: str) -> list:
    """The numbers of a file in an archive."""
    return np.loadtxt(io.StringIO(archive.read(name).decode()), delimiter=',').tolist()


def test_got10k_has_boxes_and_true_times(tmp_path: Path) -> None:
    write_submission('got10k', tmp_path / 'a.zip', RESULTS)
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        first, second = (result.name for result in RESULTS)
        assert set(archive.namelist()) == {
            f'{name}/{name}_{kind}.txt' for name in (first, second) for kind in ('001', 'time')
        }
        assert read(archive, f'{first}/{first}_001.txt') == [[1, 2, 3, 4], [1.5, 2.5, 3.5, 4.75]]
        assert read(archive, f'{first}/{first}_time.txt') == [0.5, 0.04]
        # The server divides by it.
        assert min(read(archive, f'{second}/{second}_time.txt')) > 0


def test_trackingnet_has_one_file_a_video(tmp_path: Path) -> None:
    write_submission('trackingnet', tmp_path / 'a.zip', RESULTS)
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert archive.namelist() == [f'{result.name}.txt' for result in RESULTS]
        assert read(archive, f'{RESULTS[1].name}.txt') == [[10, 20, 30, 40]] * 2
    assert [path.name for path in tmp_path.iterdir()] == ['a.zip']


def test_regions_of_both_protocols_come_out_as_they_went_in() -> None:
    record = VideoRecord(3)
    record.add([1.0, 2.0, 3.5, 4.0], [0, 0, 2, 0, 2, 2, 0, 2], True, 0.25)
    record.add([2.0], [1, 1, 3, 1, 3, 3, 1, 3], False, 0.5)
    record.add([0.0], [2, 1, 4, 1, 4, 3, 2, 3], True, 0.125)
    result = record.result('car', (64, 48))
    assert (result.name, result.size) == ('car', (64, 48))
    assert result.regions == [[1.0, 2.0, 3.5, 4.0], [2.0], [0.0]]
    assert result.truth[1] == [1, 1, 3, 1, 3, 3, 1, 3]
    assert result.visible == [True, False, True]
    assert result.times == [0.25, 0.5, 0.125]


def test_frames_without_truth_are_left_out_of_it() -> None:
    record = VideoRecord(2)
    record.add([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], True, 0.1)
    record.add([1.0, 2.0, 3.0, 4.0], None, True, 0.1)
    assert record.result('first only', (8, 8)).truth == [[1.0, 2.0, 3.0, 4.0]]


def test_a_frame_more_than_the_video_has_is_refused() -> None:
    record = VideoRecord(1)
    record.add([1.0], [1.0, 2.0, 3.0, 4.0], True, 0.1)
    with pytest.raises(IndexError):
        record.add([1.0], [1.0, 2.0, 3.0, 4.0], True, 0.1)


def test_no_object_is_kept_of_a_frame() -> None:
    record = VideoRecord(1000)

    def add(frames: int) -> int:
        for _ in range(frames):
            record.add([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], True, 0.1)
        gc.collect()
        return len(gc.get_objects())

    before = add(10)
    # A list a frame, as mmtrack's metric keeps them, would be 990.
    assert add(990) - before < 100
