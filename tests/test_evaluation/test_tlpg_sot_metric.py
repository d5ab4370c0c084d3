# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The metric's figures are those of mmtrack's metric and of the measures, from files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from clips import clip_config, run_clips, write_clips
from mmtrack.evaluation import SOTMetric
from mmtrack.registry import METRICS

from tlpg_mmtrack.evaluation.results import ResultsFolder
from tlpg_mmtrack.evaluation.tlpg_sot_metric import TLPGSOTMetric
from tlpg_mmtrack.utils.errors import InputError


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """The clips, without the two that share their frames: mmtrack's metric confuses them."""
    write_clips(tmp_path / 'clips', {'Car1': 9, 'Tiger2': 12})
    return tmp_path / 'clips'


@pytest.mark.parametrize('visible_only', [False, True])
def test_figures_under_mmtracks_convention_are_mmtracks(visible_only, clips, tmp_path):
    changes = {'test_evaluator.only_eval_visible': visible_only}
    ours = run_clips(clip_config(clips, tmp_path / 'run', **changes))
    folder = ResultsFolder(tmp_path / 'run/results')
    results = [
        dict(
            video_name=result.name,
            video_size=result.size,
            pred_bboxes=[np.array(region, dtype=np.float32) for region in result.regions],
            gt_bboxes=np.array(result.truth, dtype=np.float32),
            visible=np.array(result.visible),
        )
        for result in (folder.read('Car1'), folder.read('Tiger2'))
    ]
    upstream = SOTMetric(metric_options=dict(only_eval_visible=visible_only))
    for name, value in upstream.compute_metrics(results).items():
        assert ours[f'sot/{name}'] == pytest.approx(value), name


def test_every_convention_is_reported_and_written(clips: Path, tmp_path: Path) -> None:
    changes = {'test_evaluator.conventions': ['mmtrack', 'otb', 'lasot', 'got10k']}
    figures = run_clips(clip_config(clips, tmp_path / 'run', **changes))
    assert {'sot/success', 'sot/otb/success', 'sot/lasot/norm_precision_auc'} < set(figures)
    assert {'sot/got10k/average_overlap', 'sot/got10k/success_75', 'sot/fps'} < set(figures)
    assert figures['sot/fps'] > 0
    summary = json.loads((tmp_path / 'run/results/summary.json').read_text())
    assert {f'sot/{name}': value for name, value in summary['figures'].items()} == figures
    assert summary['conventions']['lasot']['visible_only'] is True
    per_video = summary['per_video']
    assert sorted(per_video) == ['Car1', 'Tiger2']
    mean = np.mean([per_video[name]['otb/success'] for name in per_video])
    assert figures['sot/otb/success'] == pytest.approx(mean)
    mean = np.mean([per_video[name]['mmtrack/precision'] for name in per_video])
    assert figures['sot/precision'] == pytest.approx(mean)


def write_vot(folder: Path, frames: int = 60) -> None:
    """Turn a clip into VOT's layout: quadrilaterals, frames of eight digits in color/."""
    write_clips(folder, {'car': frames})
    video = folder / 'data' / 'car'
    for image in (video / 'img').iterdir():
        image.rename(image.with_name(f'{int(image.stem):08d}.jpg'))
    (video / 'img').rename(video / 'color')
    rows = [
        f'{x},10,{x + 8},8,{x + 10},18,{x + 2},20'
        for x in (20 + index // 2 for index in range(frames))
    ]
    (video / 'groundtruth.txt').write_text('\n'.join(rows))
    (folder / 'infos.txt').write_text(
        f'a comment\ndata/car/color,data/car/groundtruth.txt,1,{frames}'
    )


def test_vot_runs_supervised(tmp_path: Path) -> None:
    write_vot(tmp_path / 'vot')
    changes = {
        'model.test_mode': 'VOT',
        'model.step': 0.1,
        'test_dataloader.dataset.type': 'VOTDataset',
        'test_evaluator.metric': 'VOT',
        'test_evaluator.conventions': ['vot2018', 'vot2019'],
    }
    figures = run_clips(clip_config(tmp_path / 'vot', tmp_path / 'run', **changes))
    result = ResultsFolder(tmp_path / 'run/results').read('car')
    codes = [int(region[0]) if len(region) == 1 else -1 for region in result.regions]
    # The target moves half a pixel a frame and the tracker stays: it fails, and starts five later.
    assert codes.count(2) >= 2
    for failure in (index for index, code in enumerate(codes) if code == 2):
        assert codes[failure : failure + 6] in ([2, 0, 0, 0, 0, 1], codes[failure:])
    assert {len(region) for region in result.truth} == {8}
    assert figures['sot/vot2018/failures'] == codes.count(2)
    assert figures['sot/vot2018/robustness'] == pytest.approx(100 * codes.count(2) / 60)
    assert 0 < figures['sot/vot2018/eao'] < 0.2
    assert 0 < figures['sot/vot2018/accuracy'] < 1


def test_a_submission_holds_every_video_or_is_not_written(clips: Path, tmp_path: Path) -> None:
    changes = {'test_evaluator.submission': 'got10k'}
    figures = run_clips(clip_config(clips, tmp_path / 'run', **changes))
    assert set(figures) == {'sot/fps', 'sot/videos'}
    archive = tmp_path / 'run/results/submission.zip'
    assert len(zipfile.ZipFile(archive).namelist()) == 4
    archive.unlink()
    (tmp_path / 'run/results/videos/Car1.json').unlink()
    (clips / 'data/Car1/img/0002.jpg').unlink()
    again = clip_config(clips, tmp_path / 'run', experiment_name='again', **changes)
    with pytest.raises(ValueError, match=r'1 videos have no result, .*: Car1'):
        run_clips(again)
    assert not archive.exists()


def test_is_registered_and_checks_its_arguments() -> None:
    metric = METRICS.build(dict(type='TLPGSOTMetric', metric='VOT', conventions=['vot2019']))
    assert isinstance(metric, TLPGSOTMetric)
    with pytest.raises(ValueError, match=r"metric must be 'OPE' or 'VOT', got 'EAO'"):
        TLPGSOTMetric(metric='EAO')
    with pytest.raises(ValueError, match=r"conventions .* got \['vot2018'\]"):
        TLPGSOTMetric(conventions=['vot2018'])
    with pytest.raises(ValueError, match=r"submission .* got 'lasot'"):
        TLPGSOTMetric(submission='lasot')
    with pytest.raises(ValueError, match=r"got \['mmtrack'\]"):
        TLPGSOTMetric(metric='VOT', conventions=['mmtrack'])


@pytest.mark.parametrize(
    'changes',
    [
        {'model.test_mode': 'VOT'},
        {'test_evaluator.metric': 'VOT', 'test_evaluator.conventions': ['vot2018']},
    ],
)
def test_another_protocol_is_refused_at_the_first_frame(changes, clips, tmp_path):
    with pytest.raises(ValueError, match='the model runs the other protocol'):
        run_clips(clip_config(clips, tmp_path / 'run', **changes))
    assert list((tmp_path / 'run/results/videos').iterdir()) == []


def test_says_that_it_needs_the_loop() -> None:
    with pytest.raises(InputError, match='ResumableTestLoop'):
        TLPGSOTMetric().process({}, [])
