# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Runs that are killed, resumed, shared between processes, or meet bad data."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import (
    LENGTHS,
    RandomWalker,
    clip_config,
    in_two_processes,
    run_clips,
    write_clips,
)
from mmengine.config import Config
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.evaluation import resumable_test_loop
from tlpg_mmtrack.evaluation.resumable_test_loop import spread
from tlpg_mmtrack.utils.errors import InputError

NAMES = sorted(LENGTHS)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """The clips."""
    write_clips(tmp_path / 'clips')
    return tmp_path / 'clips'


def run_killed(config: Config) -> None:
    """Body of a child process that does not live to the end."""
    RandomWalker.killed_at = 4
    run_clips(config)


def fork(body: Callable[..., None], *arguments: object) -> multiprocessing.Process:
    """Start a child process."""
    child = multiprocessing.get_context('fork').Process(target=body, args=arguments)
    child.start()
    return child


def read_videos(work_dir: Path) -> dict[str, dict]:
    """What was written of each video, without the times, which differ between runs."""
    videos = {}
    for path in sorted((work_dir / 'results' / 'videos').iterdir()):
        video = json.loads(path.read_text())
        assert len(video.pop('times')) == LENGTHS[path.stem]
        videos[path.stem] = video
    return videos


def without_speed(metrics: dict[str, float]) -> dict[str, float]:
    """The figures that must repeat."""
    return {name: value for name, value in metrics.items() if name != 'sot/fps'}


def test_a_killed_run_goes_on_to_the_same_results(clips: Path, tmp_path: Path) -> None:
    whole = run_clips(clip_config(clips, tmp_path / 'whole'))
    killed = clip_config(clips, tmp_path / 'killed')
    child = fork(run_killed, killed)
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    first = read_videos(tmp_path / 'killed')
    assert list(first) == ['Car1', 'Jogging-1']
    written = {
        name: (tmp_path / 'killed/results/videos' / f'{name}.json').stat().st_mtime_ns
        for name in first
    }
    killed.experiment_name += '-resumed'
    resumed = run_clips(killed)
    assert list(read_videos(tmp_path / 'killed')) == NAMES
    assert read_videos(tmp_path / 'killed') == read_videos(tmp_path / 'whole')
    assert without_speed(resumed) == without_speed(whole)
    for name, time in written.items():
        path = tmp_path / 'killed/results/videos' / f'{name}.json'
        assert path.stat().st_mtime_ns == time, 'a finished video was tracked again'
    manifest = json.loads((tmp_path / 'killed/results/manifest.json').read_text())
    assert len(manifest['runs']) == 2


def test_two_processes_give_the_same_results(clips: Path, tmp_path: Path) -> None:
    single = run_clips(clip_config(clips, tmp_path / 'single'))
    double = clip_config(clips, tmp_path / 'double', launcher='pytorch')
    assert in_two_processes(run_clips, double) == [0, 0]
    assert read_videos(tmp_path / 'double') == read_videos(tmp_path / 'single')
    summary = json.loads((tmp_path / 'double/results/summary.json').read_text())
    figures = {f'sot/{name}': value for name, value in summary['figures'].items()}
    assert without_speed(figures) == without_speed(single)


def test_processes_share_out_the_finished_videos_and_all_stop_where_one_has_changed(
    clips, tmp_path, monkeypatch
):
    """One process that looked at all of them would have the others wait."""
    run_clips(clip_config(clips, tmp_path / 'run'))
    boxes = clips / 'data/Vase/groundtruth_rect.txt'
    boxes.write_text(boxes.read_text().replace(',16,12', ',15,12'))
    fingerprint = resumable_test_loop.data_fingerprint

    def note(images: list[str], *arguments: object) -> str | None:
        with open(tmp_path / f'rank{os.environ["RANK"]}', 'a') as file:
            file.write(f'{images[0]}\n')
        return fingerprint(images, *arguments)

    monkeypatch.setattr(resumable_test_loop, 'data_fingerprint', note)
    again = dict(launcher='pytorch', experiment_name='again')
    config = clip_config(clips, tmp_path / 'run', **again)
    assert in_two_processes(run_clips, config) == [1, 1]
    looked_at = [(tmp_path / f'rank{rank}').read_text().splitlines() for rank in range(2)]
    assert [len(images) for images in looked_at] == [3, 2]
    assert 'Vase' in looked_at[0][-1]


def test_a_finished_run_is_only_evaluated(clips: Path, tmp_path: Path) -> None:
    config = clip_config(clips, tmp_path / 'run')
    first = run_clips(config)
    config.experiment_name += '-again'
    # Without images, nothing could be tracked.
    for image in clips.rglob('*.jpg'):
        image.unlink()
    assert run_clips(config) == first


@pytest.mark.parametrize('kind', ['frames', 'truth', 'damaged truth'])
def test_results_of_data_that_have_changed_are_refused(kind, clips, tmp_path):
    run_clips(clip_config(clips, tmp_path / 'run'))
    before = read_videos(tmp_path / 'run')
    boxes = clips / 'data/Tiger2/groundtruth_rect.txt'
    if kind == 'frames':
        cv2.imwrite(str(clips / 'data/Tiger2/img/0001.jpg'), np.zeros((60, 80, 3), np.uint8))
    elif kind == 'truth':
        boxes.write_text(boxes.read_text().replace(',16,12', ',15,12'))
    else:
        boxes.write_text('no boxes')
    again = clip_config(clips, tmp_path / 'run', experiment_name='again')
    with pytest.raises(ValueError, match=r"'Tiger2' of other data: .* remove .*Tiger2\.json"):
        run_clips(again)
    assert read_videos(tmp_path / 'run') == before


def test_a_result_of_other_data_can_be_removed_and_tracked_again(clips, tmp_path):
    run_clips(clip_config(clips, tmp_path / 'run'))
    boxes = clips / 'data/Tiger2/groundtruth_rect.txt'
    boxes.write_text(boxes.read_text().replace(',16,12', ',15,12'))
    (tmp_path / 'run/results/videos/Tiger2.json').unlink()
    run_clips(clip_config(clips, tmp_path / 'run', experiment_name='again'))
    x1, _, x2, _ = read_videos(tmp_path / 'run')['Tiger2']['truth'][0]
    assert x2 - x1 == 15


def test_a_video_does_not_depend_on_those_before_it(clips: Path, tmp_path: Path) -> None:
    run_clips(clip_config(clips, tmp_path / 'all'))
    lines = (clips / 'infos.txt').read_text().splitlines()
    (clips / 'infos.txt').write_text('\n'.join((lines[0], lines[4])))
    run_clips(clip_config(clips, tmp_path / 'one'))
    assert read_videos(tmp_path / 'one')['Tiger2'] == read_videos(tmp_path / 'all')['Tiger2']


def test_refuses_results_of_another_run(clips: Path, tmp_path: Path) -> None:
    run_clips(clip_config(clips, tmp_path / 'run'))
    before = read_videos(tmp_path / 'run')
    change = {'model.step': 3.0, 'experiment_name': 'changed'}
    with pytest.raises(ValueError, match=r'config\.model\.step was "absent", is 3\.0'):
        run_clips(clip_config(clips, tmp_path / 'run', **change))
    assert read_videos(tmp_path / 'run') == before


def test_what_cannot_change_a_result_may_change(clips: Path, tmp_path: Path) -> None:
    config = clip_config(clips, tmp_path / 'run')
    first = run_clips(config)
    changes = {'test_evaluator.conventions': ['lasot'], 'test_cfg.results_dir': None}
    second = run_clips(clip_config(clips, tmp_path / 'run', experiment_name='b', **changes))
    assert second['sot/videos'] == first['sot/videos'] == 5
    assert 'sot/lasot/success' in second


def test_another_data_set_or_evaluator_is_refused(clips: Path, tmp_path: Path) -> None:
    other_metric = {'test_evaluator.type': 'SOTMetric'}
    with pytest.raises(InputError, match='must be one TLPGSOTMetric'):
        run_clips(clip_config(clips, tmp_path / 'a', **other_metric))
    other_sampler = {'test_dataloader.sampler': dict(type='DefaultSampler', shuffle=False)}
    with pytest.raises(InputError, match="sampler must be dict\\(type='VideoSampler'\\)"):
        run_clips(clip_config(clips, tmp_path / 'b', **other_sampler))


# --- bad data ---------------------------------------------------------------------------------


def break_clips(clips: Path, kind: str) -> str:
    """Damage the clip Tiger2; the file that the report must name."""
    image = clips / 'data/Tiger2/img/0005.jpg'
    boxes = clips / 'data/Tiger2/groundtruth_rect.txt'
    if kind == 'missing frame':
        image.unlink()
    elif kind == 'truncated image':
        # OpenCV reads it.
        image.write_bytes(image.read_bytes()[:-40])
        assert cv2.imread(str(image)) is not None
    elif kind == 'no image':
        image.write_bytes(b'no image')
    elif kind == 'too few boxes':
        boxes.write_text(''.join(boxes.read_text().splitlines(keepends=True)[:-2]))
        return 'data/Tiger2/groundtruth_rect.txt'
    elif kind == 'no first box':
        lines = boxes.read_text().splitlines(keepends=True)
        boxes.write_text('0,0,0,0\n' + ''.join(lines[1:]))
        return 'groundtruth_rect.txt: the first box cannot be started from'
    elif kind == 'first box outside':
        lines = boxes.read_text().splitlines(keepends=True)
        boxes.write_text('5000,5000,40,40\n' + ''.join(lines[1:]))
        return 'groundtruth_rect.txt: the first box cannot be started from'
    elif kind == 'nan':
        lines = boxes.read_text().splitlines(keepends=True)
        boxes.write_text(''.join([*lines[:4], 'nan,nan,nan,nan\n', *lines[5:]]))
        return 'data/Tiger2/groundtruth_rect.txt'
    return '0005.jpg'


@pytest.fixture(scope='module')
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What is written of each clip but Tiger2, where nothing is damaged."""
    folder = tmp_path_factory.mktemp('good')
    write_clips(folder / 'clips')
    run_clips(clip_config(folder / 'clips', folder / 'run'))
    videos = read_videos(folder / 'run')
    del videos['Tiger2']
    return videos


@pytest.mark.parametrize(
    ('kind', 'workers'),
    [
        ('missing frame', 1),
        ('truncated image', 0),
        ('no image', 0),
        ('too few boxes', 0),
        ('no first box', 0),
        ('first box outside', 0),
        ('nan', 1),
    ],
)
def test_bad_data_are_named_and_left_out(kind, workers, clips, tmp_path, good):
    named = break_clips(clips, kind)
    changes = {'test_dataloader.num_workers': workers}
    metrics = run_clips(clip_config(clips, tmp_path / 'bad', **changes))
    assert metrics['sot/videos'] == 4

    summary = json.loads((tmp_path / 'bad/results/summary.json').read_text())
    assert list(summary['left_out']) == ['Tiger2']
    assert named in summary['left_out']['Tiger2']
    assert read_videos(tmp_path / 'bad') == good


@TRANSFORMS.register_module(force=True)
class KilledLoading:
    """As the system does for want of memory."""

    def __call__(self, results: dict) -> dict:
        os.kill(os.getpid(), signal.SIGKILL)


def test_no_video_is_left_out_for_a_process_that_was_killed(clips: Path, tmp_path: Path) -> None:
    config = clip_config(clips, tmp_path / 'run', **{'test_dataloader.num_workers': 1})
    config.test_dataloader.dataset.pipeline = [dict(type='KilledLoading')]
    with pytest.raises(RuntimeError, match=r'DataLoader worker .*(killed|exited)'):
        run_clips(config)


def test_nothing_to_evaluate_is_an_error(clips: Path, tmp_path: Path) -> None:
    for image in clips.rglob('*.jpg'):
        image.unlink()
    with pytest.raises(ValueError, match='none of 5 videos has one to evaluate'):
        run_clips(clip_config(clips, tmp_path / 'run'))


def test_a_box_that_is_not_finite_is_left_out(clips: Path, tmp_path: Path) -> None:
    run_clips(clip_config(clips, tmp_path / 'run'))
    path = tmp_path / 'run/results/videos/Vase.json'
    video = json.loads(path.read_text())
    video['regions'][3][1] = float('nan')
    path.write_text(json.dumps(video))
    metrics = run_clips(clip_config(clips, tmp_path / 'run', experiment_name='again'))
    assert metrics['sot/videos'] == 4
    summary = json.loads((tmp_path / 'run/results/summary.json').read_text())
    assert 'not finite, first in frame 3' in summary['left_out']['Vase']


def test_frames_without_truth_are_counted_and_the_video_stays(clips: Path, tmp_path: Path) -> None:
    """As in UAV123, where the target is then absent."""
    run_clips(clip_config(clips, tmp_path / 'run'))
    path = tmp_path / 'run/results/videos/Vase.json'
    video = json.loads(path.read_text())
    video['truth'][3] = [float('nan')] * 4
    path.write_text(json.dumps(video))
    metrics = run_clips(clip_config(clips, tmp_path / 'run', experiment_name='again'))
    assert metrics['sot/videos'] == 5
    assert all(math.isfinite(value) for value in metrics.values())
    summary = json.loads((tmp_path / 'run/results/summary.json').read_text())
    assert summary['frames_without_truth'] == {'Vase': 1}


def test_a_damaged_result_is_tracked_again(clips: Path, tmp_path: Path) -> None:
    first = run_clips(clip_config(clips, tmp_path / 'run'))
    path = tmp_path / 'run/results/videos/Vase.json'
    path.write_text(path.read_text()[:200])
    again = run_clips(clip_config(clips, tmp_path / 'run', experiment_name='again'))
    assert without_speed(again) == without_speed(first)


# --- sharing videos out -----------------------------------------------------------------------


def test_spread_shares_every_video_once_and_evenly() -> None:
    lengths = [2500, 60, 61, 59, 1300, 1200, 64, 2400]
    shares = spread(lengths, 3)
    assert sorted(index for share in shares for index in share) == list(range(8))
    assert all(share == sorted(share) for share in shares)
    frames = [sum(lengths[index] for index in share) for share in shares]
    assert max(frames) - min(frames) < 130
    assert spread([5], 3) == [[0], [], []]
    assert spread([], 2) == [[], []]


def test_the_log_says_what_was_there(clips: Path, tmp_path: Path) -> None:
    run_clips(clip_config(clips, tmp_path / 'run', log_level='INFO'))
    again = clip_config(clips, tmp_path / 'run', log_level='INFO', experiment_name='again')
    run_clips(again)
    logs = [path.read_text() for path in sorted((tmp_path / 'run').rglob('*.log'))]
    assert any('5 videos are there already' in log for log in logs)


@pytest.mark.parametrize('metric', ['TLPGSOTMetric', 'SOTMetric'])
def test_a_folder_without_a_list_is_tested_as_mmtracks_data_set(clips, tmp_path, metric):
    changes = {}
    if metric == 'SOTMetric':
        changes = dict(
            test_evaluator=dict(type=metric, metric='OPE', _delete_=True),
            test_cfg=dict(type='TestLoop', _delete_=True),
        )
    expected = run_clips(clip_config(clips, tmp_path / 'list', **changes))
    # mmtrack leaves the boxes 1-based.
    dataset = dict(
        type='VideoFolderDataset', data_root=str(clips / 'data'), ann_file='', one_based=False
    )
    found = run_clips(
        clip_config(clips, tmp_path / 'folder', test_dataloader=dict(dataset=dataset), **changes)
    )
    assert set(found) == set(expected)
    for name in ('success', 'norm_precision', 'precision'):
        assert found[f'sot/{name}'] == expected[f'sot/{name}']
