# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What an OpenMMLab user expects: MIM's files, mmtrack's API and tools, slurm scripts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import mmtrack
import modelindex
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmtrack.apis import inference_sot, init_model
from tlpg_tools import mmtrack_tool
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip
from written_runs import load_tool

from tlpg_mmtrack.utils.checkpoint import load_weights
from tlpg_mmtrack.utils.model_zoo import checkpoint_path

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = REPOSITORY / 'configs' / 'tlpg' / 'tlpg_efflite0_small.py'
SHIPPED = 'tlpg://tlpg_efflite0_small'


def run_mmtrack_tool(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run one of mmtrack's tools in this process."""
    monkeypatch.setattr(sys, 'argv', ['', *map(str, arguments)])
    return mmtrack_tool.main()


# ------------------------------------------------------------------------------ installation


def test_the_wheel_has_all_that_mim_and_the_tracker_look_for(tmp_path: Path):
    subprocess.run(
        [sys.executable, 'setup.py', '--quiet', 'build', '--build-base', str(tmp_path)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    package = tmp_path / 'lib' / 'tlpg_mmtrack'
    files = {path.relative_to(package).as_posix() for path in package.rglob('*') if path.is_file()}
    for folder in ('configs', 'tools'):
        for path in (REPOSITORY / folder).rglob('*.py'):
            assert f'.mim/{path.relative_to(REPOSITORY).as_posix()}' in files
    assert {'.mim/model-index.yml', '.mim/configs/tlpg/metafile.yml', 'py.typed'} <= files
    assert {'.mim/tools/dist_test.sh', '.mim/tools/slurm_train.sh'} <= files
    assert 'weights/tlpg_efflite0_small.safetensors' in files
    assert not [name for name in files if name.endswith('.pyc')]


def test_mmtracks_scripts_start_as_mim_starts_them(tmp_path: Path):
    script = Path(mmtrack.__file__).parent / '.mim' / 'tools' / 'train.py'
    paths = str(REPOSITORY / 'tools' / 'startup'), str(REPOSITORY)
    done = subprocess.run(
        [sys.executable, script, '--help'],
        cwd=tmp_path,
        env=os.environ | dict(PYTHONPATH=os.pathsep.join(paths)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '--launcher' in done.stdout


def test_the_model_index_is_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(REPOSITORY)
    index = modelindex.load('model-index.yml')
    index.build_models_with_collections()
    collections = {collection.name: collection for collection in index.collections}
    assert index.models
    for model in index.models:
        assert Path(model.config).is_file()
        assert Path(model.config).stem == model.name
        collection = collections[model.in_collection]
        assert collection.paper['Title']
        page = Path(collection.readme).read_text(encoding='utf-8')
        for result in model.results or ():
            metrics = result.metrics
            figures = ' | '.join(
                str(metrics[name]) for name in ('Success', 'Norm precision', 'Precision')
            )
            assert figures in page
        if model.weights:
            assert checkpoint_path(model.weights).is_file()
    assert {model.name for model in index.models if model.weights} == {'tlpg_efflite0_small'}


# ------------------------------------------------------------------------------ mmtrack's API


def test_mmtracks_api_tracks_with_our_config():
    model = init_model(str(CONFIG), SHIPPED, device='cpu', cfg_options={'model.test_cfg.warps': 4})
    video = cv2.VideoCapture(str(demo_clip()))
    x, y, width, height = DEMO_BOX
    corners = np.array([x, y, x + width, y + height])
    boxes = []
    for index in range(3):
        sample = inference_sot(model, video.read()[1], corners, frame_id=index)
        boxes.append(sample.pred_track_instances.bboxes.numpy())
    np.testing.assert_allclose(boxes[0], corners[None], atol=1e-4)
    assert boxes[2].shape == (1, 4)
    assert not np.array_equal(boxes[2], boxes[1])
    np.testing.assert_allclose(boxes[2], corners[None], atol=10)


# ------------------------------------------------------------------------------ mmtrack's tools


def test_print_config(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    assert run_mmtrack_tool(monkeypatch, 'misc/print_config.py', CONFIG) == 0
    assert "type='BalancedNeck'" in capsys.readouterr().out


def test_a_published_checkpoint_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """mmtrack's tool wants a run's folder with its log; what it writes is read everywhere."""
    model = init_model(str(CONFIG), SHIPPED, device='cpu')
    weights = model.state_dict()
    run = tmp_path / '20200101_000000' / 'vis_data'
    run.mkdir(parents=True)
    (run / '20200101_000000.json').write_text('{}\n')
    torch.save(
        dict(
            meta=dict(epoch=1),
            state_dict=weights,
            optimizer=dict(state={}),
            message_hub=dict(loss=HistoryBuffer([0.5], [1])),
        ),
        tmp_path / 'epoch_1.pth',
    )
    arguments = ('misc/publish_model.py', tmp_path / 'epoch_1.pth', tmp_path / 'published.pth')
    assert run_mmtrack_tool(monkeypatch, *arguments) == 0
    # The tool renames the file in a process that it does not wait for.
    for _ in range(100):
        published = list(tmp_path.glob('published_20200101_000000-*.pth'))
        if published:
            break
        time.sleep(0.1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    load_weights(model, published[0])
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    init_model(str(CONFIG), str(published[0]), device='cpu')


def test_an_unheard_of_tool_is_named(monkeypatch, capsys):
    assert run_mmtrack_tool(monkeypatch, 'misc/unheard_of.py') == 2
    assert 'misc/unheard_of.py is not at' in capsys.readouterr().err
    assert run_mmtrack_tool(monkeypatch, 'dist_train.sh') == 2
    assert 'error: dist_train.sh is no .py file' in capsys.readouterr().err
    assert run_mmtrack_tool(monkeypatch, '--help') == 0
    assert 'analysis_tools/analyze_logs.py' in capsys.readouterr().out


# ------------------------------------------------------------------------------ our tools


@pytest.mark.parametrize(
    ('given', 'passed_on'),
    [
        (['c.py', 'a.pth', '--launcher', 'none'], ['c.py', '--checkpoint', 'a.pth']),
        (['c.py', '--checkpoint', 'a.pth'], ['c.py', '--checkpoint', 'a.pth']),
        (['--help'], ['--help']),
        (['c.py'], ['c.py']),
    ],
)
def test_the_checkpoint_may_follow_the_config(given: list[str], passed_on: list[str]):
    assert load_tool('test').name_checkpoint(given)[: len(passed_on)] == passed_on


@pytest.mark.parametrize('name', ['train', 'test'])
def test_slurm_script(name: str, tmp_path: Path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    script = REPOSITORY / 'tools' / f'slurm_{name}.sh'
    environment = {
        **os.environ,
        'PATH': f'{tmp_path}:{os.environ["PATH"]}',
        'SRUN_ARGS': '--qos normal',
        'PYTHON': 'python3',
    }
    command = ['bash', script, 'gpu', 'configs/my_config.py', '4', '--work-dir', 'a folder']
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    arguments = done.stdout.splitlines()
    assert {'--partition=gpu', '--ntasks=4', '--gres=gpu:4', '--job-name=my_config'} <= {
        *arguments
    }
    assert arguments[arguments.index('--qos') + 1] == 'normal'
    start = arguments.index('python3')
    assert arguments[start + 2].endswith(f'tools/{name}.py')
    assert arguments[start + 3 :] == [
        'configs/my_config.py',
        '--launcher',
        'slurm',
        '--work-dir',
        'a folder',
    ]
    helped = subprocess.run(['bash', script, '--help'], capture_output=True, text=True, check=True)
    assert 'PARTITION CONFIG PROCESSES' in helped.stdout
