# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The exported network, run by onnxruntime, gives PyTorch's boxes."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmtrack.registry import MODELS

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.apis.demo_clip import DEMO_BOX, demo_clip
from tlpg_mmtrack.apis.frames import open_source
from tlpg_mmtrack.models.trackers import TLPG, OnnxTLPG
from tlpg_mmtrack.utils.checkpoint import load_weights
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.model_zoo import shipped_config, shipped_weights

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / 'tools'))

import export  # noqa: E402

NAME = 'tlpg_efflite0_small'
# Past the first update of the target models, which is at frame 10.
FRAMES = 13


def build(test_cfg: dict | None = None, **options: str) -> TLPG:
    """The shipped model with few crops of the first frame and, it may be, other options."""
    config = Config.fromfile(shipped_config(NAME)).model
    config.test_cfg.update(dict(warps=4) | (test_cfg or {}))
    config.update(options)
    model = MODELS.build(config)
    load_weights(model, shipped_weights(NAME))
    return model.eval()


@pytest.fixture(scope='module')
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model's network as an ONNX file; skips where it cannot be written."""
    for package in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(package, reason='pip install -r requirements/export.txt')
    path = tmp_path_factory.mktemp('export') / 'model.onnx'
    assert export.main([str(shipped_config(NAME)), '--out', str(path)]) == 0
    assert [file.name for file in path.parent.iterdir()] == ['model.onnx']
    return path


def test_onnxruntime_gives_the_same_boxes_over_a_clip(exported: Path):
    frames = [frame for _, frame in islice(open_source(demo_clip()), FRAMES)]
    boxes = []
    for model in (build(), build(type='OnnxTLPG', onnx=str(exported))):
        tracker = Tracker(model, device='cpu')
        tracker.init(frames[0], DEMO_BOX)
        boxes.append(np.stack([tracker.track(frame).box for frame in frames[1:]]))
    assert isinstance(model, OnnxTLPG)
    np.testing.assert_allclose(boxes[1], boxes[0], rtol=0, atol=1e-3)
    assert np.ptp(boxes[0], axis=0).min() > 0.1, 'the target must move for this to mean anything'


def test_a_file_of_other_weights_is_refused(exported: Path):
    model = build(type='OnnxTLPG', onnx=str(exported))
    with torch.no_grad():
        model.refiner.head.filter_features.weight.mul_(-1)
    frame = np.random.default_rng(0).integers(0, 256, (144, 176, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match='other weights; export it again'):
        Tracker(model, device='cpu').init(frame, DEMO_BOX)


def test_a_file_of_another_config_is_refused(exported: Path):
    with pytest.raises(ValueError, match=r"inputs that differ: \{'crop'.*export it with this"):
        build(dict(crop_size=224), type='OnnxTLPG', onnx=str(exported))


def test_a_missing_file_is_named(tmp_path: Path):
    pytest.importorskip('onnxruntime', reason='pip install -r requirements/export.txt')
    with pytest.raises(InputError, match=r'absent\.onnx is not a file'):
        build(type='OnnxTLPG', onnx=str(tmp_path / 'absent.onnx'))


def test_the_file_must_be_named_onnx(tmp_path: Path, capsys: pytest.CaptureFixture):
    arguments = [str(shipped_config(NAME)), '--out', str(tmp_path / 'model.pt')]
    assert export.main(arguments) == 2
    assert 'error: out: must end in .onnx, got model.pt' in capsys.readouterr().err


def test_the_weights_may_be_shipped_ones(tmp_path: Path, capsys: pytest.CaptureFixture):
    weights = ['--checkpoint', f'tlpg://{NAME}']
    arguments = [str(shipped_config(NAME)), *weights, '--out', str(tmp_path / 'model.pt')]
    assert export.main(arguments) == 2
    # All but the file's name was right.
    assert 'error: out: must end in .onnx' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('config', 'checkpoint', 'message'),
    [
        (str(shipped_config(NAME)), 'missing.pth', 'checkpoint: missing.pth is not a file'),
        (str(REPOSITORY / 'README.md'), f'tlpg://{NAME}', 'config: '),
    ],
)
def test_bad_input_is_explained(
    config: str, checkpoint: str, message: str, capsys: pytest.CaptureFixture
):
    assert export.main([config, '--checkpoint', checkpoint, '--out', 'model.onnx']) == 2
    assert capsys.readouterr().err.startswith(f'error: {message}')


def test_ctrl_c_shows_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tracker, 'from_pretrained', interrupted)
    assert export.main([str(shipped_config(NAME)), '--out', str(tmp_path / 'model.onnx')]) == 130
    assert capsys.readouterr().err == 'interrupted\n'
