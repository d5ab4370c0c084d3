# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Runs tools/train.py and tools/test.py, alone and in two processes, on a generated corpus."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from clips import free_port, in_two_processes
from tlpg_tools.publish_weights import save_weights
from written_runs import Run, load_tool

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = REPOSITORY / 'configs' / 'tlpg' / 'tlpg_efflite0_small.py'
FRAMES = 4

# Four videos: two iterations an epoch in two processes, four in one.
TINY_CONFIG = """
_base_ = {base!r}
train_pipeline = [
    dict(type='SampleTrackingFrames', num_template_frames=1, num_search_frames=1, max_gap=2),
    dict(type='LoadTrackingFrames'),
    dict(type='TrackingCrop', size=288, search_scale=5.0, template_jitter=(1.0, 0.1),
         search_jitter=(1.0, 0.1)),
    dict(type='PackTrackInputs', ref_prefix='search', num_template_frames=1,
         default_meta_keys=('img_path', 'frame_id')),
]
train_dataloader = dict(
    _delete_=True, batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='TrackingVideoDataset', data_root={data!r},
        pipeline=train_pipeline))
train_cfg = dict(max_epochs=1)
default_hooks = dict(logger=dict(interval=1))
test_dataloader = dict(
    _delete_=True, batch_size=1, num_workers=0, sampler=dict(type='VideoSampler'),
    dataset=dict(
        type='OTB100Dataset', data_root={root!r}, ann_file='infos.txt',
        data_prefix=dict(img_path=''), test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadTrackAnnotations', with_instance_id=False),
            dict(type='PackTrackInputs', pack_single_img=True)]))
# The evaluator is that of the development sequences.
test_cfg = dict(type='TestLoop')
val_dataloader = val_evaluator = val_cfg = None
# mmengine keeps one of each name, with its folder.
visualizer = dict(name={root!r})
"""


def write_corpus(folder: Path) -> None:
    """Write four videos in OTB's layout: a bright box that moves over noise. Two test."""
    generator = np.random.default_rng(0)
    lines = ['a comment']
    for video in range(4):
        images = folder / 'data' / f'video{video}' / 'img'
        images.mkdir(parents=True)
        boxes = []
        for index in range(FRAMES):
            frame = generator.integers(60, 120, (120, 160, 1), dtype=np.uint8).repeat(3, axis=2)
            x, y = 50 + 3 * index + 5 * video, 40 + 2 * index
            frame[y : y + 30, x : x + 24] = (40, 220, 60 * video)
            cv2.imwrite(str(images / f'{index + 1:04d}.jpg'), frame)
            boxes.append(f'{x + 1},{y + 1},24,30')
        name = f'data/video{video}'
        (folder / name / 'groundtruth_rect.txt').write_text('\n'.join(boxes) + '\n')
        lines.append(f'{name}/img,{name}/groundtruth_rect.txt,1,{FRAMES}')
    (folder / 'infos.txt').write_text('\n'.join(lines[:3]))


def run_tool_in(folder: Path, name: str, *arguments: str) -> None:
    """Body of a process that ends as the tool does, which `torchrun` has started."""
    os.chdir(folder)
    sys.argv = [name, *arguments, '--launcher', 'pytorch']
    sys.exit(load_tool(name).main())


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, its config, and what two processes trained in work_dirs/tiny."""
    folder = tmp_path_factory.mktemp('tools')
    write_corpus(folder)
    (folder / 'tiny.py').write_text(
        TINY_CONFIG.format(base=str(CONFIG), data=str(folder / 'data'), root=str(folder) + '/')
    )
    assert in_two_processes(run_tool_in, folder, 'train', 'tiny.py') == [0, 0]
    return folder


def load_checkpoint(path: Path) -> dict:
    """Load a checkpoint the way mmengine does."""
    return torch.load(path, map_location='cpu', weights_only=True)


def read_metrics(work_dir: Path) -> dict[str, float]:
    """Read success, normalised precision and precision of the one test in a work folder."""
    (path,) = work_dir.glob('*/*.json')
    content = json.loads(path.read_text())
    return {name: content[name] for name in content if name.startswith('sot/')}


def test_trains_in_two_processes(trained: Path) -> None:
    checkpoint = load_checkpoint(trained / 'work_dirs/tiny/epoch_1.pth')
    assert checkpoint['meta']['iter'] == 2
    assert all(value.isfinite().all() for value in checkpoint['state_dict'].values())


def test_trains_in_mixed_precision(trained: Path, run_here: Run) -> None:
    arguments = ['tiny.py', '--amp', '--work-dir', 'amp']
    assert run_here('train', *arguments, folder=trained)[0] == 0
    log = next((trained / 'amp').glob('*/vis_data/scalars.json')).read_text()
    losses = [json.loads(line)['loss'] for line in log.splitlines()]
    assert len(losses) == 4
    assert np.isfinite(losses).all()
    assert "type='CPUAmpOptimWrapper'" in (trained / 'amp/tiny.py').read_text()
    weights = load_checkpoint(trained / 'amp/epoch_1.pth')['state_dict'].values()
    assert all(value.isfinite().all() and value.dtype == torch.float32 for value in weights)


def test_resumes_in_one_process(trained: Path, run_here: Run) -> None:
    arguments = ['tiny.py', '--resume', '--cfg-options', 'train_cfg.max_epochs=2']
    code, output = run_here('train', *arguments, folder=trained)
    assert code == 0
    assert 'resumed epoch: 1' in output
    # mmengine alone prints a thousand lines before the first loss; the log file has them.
    before = output.partition('Epoch(train)')[0].splitlines()
    assert len(before) < 60
    assert any(line.endswith('data: 4 videos, 0 left out') for line in before)
    assert 'Using env variable' not in output
    log = max(trained.glob('work_dirs/tiny/*/*.log')).read_text()
    assert 'custom_imports' in log
    assert 'paramwise_options' in log
    first = load_checkpoint(trained / 'work_dirs/tiny/epoch_1.pth')['state_dict']
    second = load_checkpoint(trained / 'work_dirs/tiny/epoch_2.pth')['state_dict']
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_ctrl_c_leaves_what_can_be_resumed(trained: Path, run_here: Run) -> None:
    """Interrupted between two epochs' checkpoints, with a process that loads data."""
    arguments = ['tiny.py', '--work-dir', 'stopped', '--cfg-options']
    arguments += ['train_dataloader.num_workers=1']
    command = [sys.executable, str(REPOSITORY / 'tools/train.py'), *arguments]
    stopped = trained / 'stopped'
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    with subprocess.Popen(
        [*command, 'train_cfg.max_epochs=1000'],
        cwd=trained,
        env=environment | dict(OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='-1'),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not (stopped / 'last_checkpoint').is_file():
            assert process.poll() is None, process.stderr.read()[-4000:]
            time.sleep(0.05)
        # To the loading process too, as a terminal's Ctrl-C.
        os.killpg(process.pid, signal.SIGINT)
        errors = process.communicate()[1]
    assert process.returncode == 130, errors[-4000:]
    assert 'Traceback' not in errors
    last = Path((stopped / 'last_checkpoint').read_text())
    assert errors.splitlines()[-1].endswith(f'add --resume to go on from {last}')
    saved = sorted(stopped.glob('epoch_*.pth'))
    assert trained / last in saved or last in saved
    assert all(load_checkpoint(path)['state_dict'] for path in saved)
    epochs = load_checkpoint(trained / last)['meta']['epoch']
    arguments += [f'train_cfg.max_epochs={epochs + 1}', '--resume']
    code, output = run_here('train', *arguments, folder=trained)
    assert code == 0
    assert f'resumed epoch: {epochs}' in output
    assert load_checkpoint(stopped / f'epoch_{epochs + 1}.pth')['meta']['epoch'] == epochs + 1


def test_tests_alike_in_one_and_two_processes(trained: Path, run_here: Run) -> None:
    options = ['tiny.py', '--cfg-options', 'model.test_cfg.warps=2']
    options += ['--checkpoint', 'work_dirs/tiny/epoch_1.pth', '--work-dir']
    assert run_here('test', *options, 'single', folder=trained)[0] == 0
    # As a user would: the launcher itself, and processes that start from nothing.
    environment = os.environ | dict(
        OMP_NUM_THREADS='1',
        CUDA_VISIBLE_DEVICES='-1',
        MASTER_PORT=str(free_port()),
        PYTHON=sys.executable,
    )
    environment.pop('PYTHONPATH', None)
    command = ['bash', REPOSITORY / 'tools/dist_test.sh', options[0], '2', *options[1:], 'double']
    subprocess.run(command, cwd=trained, env=environment, check=True, stdout=subprocess.DEVNULL)
    metrics = read_metrics(trained / 'single')
    assert sorted(metrics) == ['sot/norm_precision', 'sot/precision', 'sot/success']
    assert 0 < metrics['sot/success'] <= 100
    assert read_metrics(trained / 'double') == metrics


def test_a_checkpoint_of_another_model_gives_no_figures(trained: Path, run_here: Run) -> None:
    torch.save(dict(state_dict=dict(weight=torch.zeros(2))), trained / 'other.pth')
    code, output = run_here('test', 'tiny.py', 'other.pth', '--work-dir', 'other', folder=trained)
    assert code == 2
    assert 'error: checkpoint: other.pth belongs to another model' in output
    assert 'sot/success: ' not in output


def test_mmtracks_analyze_logs_reads_our_logs(trained: Path, run_here: Run) -> None:
    pytest.importorskip('seaborn', reason="these tools of mmtrack's need seaborn")
    log = min(trained.glob('work_dirs/tiny/*/vis_data/*_*.json'))
    arguments = ['analysis_tools/analyze_logs.py', 'cal_train_time', log]
    code, output = run_here('mmtrack_tool', *arguments, folder=trained)
    assert code == 0
    assert 's/iter' in output


def test_mmtracks_browse_dataset_shows_our_samples(trained: Path, run_here: Run) -> None:
    pytest.importorskip('seaborn', reason="these tools of mmtrack's need seaborn")
    arguments = ['analysis_tools/browse_dataset.py', 'tiny.py', '--not-show']
    code, _ = run_here('mmtrack_tool', *arguments, '--output-dir', 'browsed', folder=trained)
    assert code == 0
    pictures = sorted(path.relative_to(trained) for path in trained.glob('browsed/*/*.jpg'))
    assert len(pictures) == 8
    picture = cv2.imread(str(trained / pictures[0]))
    assert picture.shape == (288, 288, 3)


@pytest.mark.parametrize('name', ['train', 'test'])
def test_dist_script(name: str, tmp_path: Path) -> None:
    (tmp_path / 'python').write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    (tmp_path / 'python').chmod(0o755)
    script = REPOSITORY / 'tools' / f'dist_{name}.sh'
    environment = os.environ | dict(PYTHON=str(tmp_path / 'python'), MASTER_PORT='7')
    command = ['bash', script, 'my.py', '4', '--work-dir', 'a folder']
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    *launcher, tool, config = done.stdout.splitlines()[:-4]
    assert {'torch.distributed.run', '--nproc_per_node=4', '--master_port=7'} < set(launcher)
    assert (Path(tool), config) == (REPOSITORY / 'tools' / f'{name}.py', 'my.py')
    assert done.stdout.splitlines()[-4:] == ['--launcher', 'pytorch', '--work-dir', 'a folder']
    assert 'gloo' in subprocess.check_output(['bash', script, '--help'], text=True)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (
            ['train', 'nosuch.py'],
            'error: config: nosuch.py is not a file; check the path',
        ),
        (
            ['test', str(CONFIG), '--checkpoint', 'nosuch.pth'],
            'error: checkpoint: nosuch.pth is not a file; check the path',
        ),
        (
            ['test', str(CONFIG), '--checkpoint', 'tlpg://tlpg_efflite0_small'],
            'error: data: nowhere/dev/data is not a folder of videos',
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line(tmp_path, arguments, message, run_here, monkeypatch):
    monkeypatch.setenv('TLPG_DATA', 'nowhere')
    code, output = run_here(*arguments, folder=tmp_path)
    assert code == 2
    last = output.splitlines()[-1]
    assert last.startswith(message)


@pytest.mark.parametrize('name', ['cut.pth', 'cut.safetensors'])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, name: str, run_here: Run) -> None:
    weights = {'weight': torch.rand(100)}
    path = tmp_path / name
    if path.suffix == '.pth':
        torch.save(dict(state_dict=weights, meta={}), path)
    else:
        save_weights(weights, path, CONFIG.stem, seed=0)
    path.write_bytes(path.read_bytes()[:-50])
    code, output = run_here('test', CONFIG, path, folder=tmp_path)
    assert code == 2
    assert output.splitlines()[-1].startswith(f'error: checkpoint: {path} is truncated')
