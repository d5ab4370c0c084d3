# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The exported network, run by onnxruntime, says what PyTorch does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tlpg_tools import export
from tlpg_tools.demo_clip import demo_clip

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.models.trackers import TLPG
from tlpg_mmtrack.utils.frames import open_source
from tlpg_mmtrack.utils.model_zoo import shipped_config

REPOSITORY = Path(__file__).resolve().parents[2]

NAME = 'tlpg_efflite0_small'


@pytest.fixture(scope='module')
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model's network as an ONNX file; skips where it cannot be written."""
    for package in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(package, reason='pip install -r requirements/export.txt')
    path = tmp_path_factory.mktemp('export') / 'model.onnx'
    assert export.main([str(shipped_config(NAME)), '--out', str(path)]) == 0
    assert [file.name for file in path.parent.iterdir()] == ['model.onnx']
    return path


@torch.no_grad()
def test_onnxruntime_says_what_pytorch_does_of_a_real_crop(exported: Path, shipped: TLPG):
    onnxruntime = pytest.importorskip('onnxruntime')
    network = shipped.network
    frame = next(iter(open_source(demo_clip())))[1]
    crop = cv2.resize(frame, (network.options.crop_size,) * 2)
    inputs = network.example_inputs()
    inputs[0] = torch.from_numpy(crop).permute(2, 0, 1)[None].contiguous()
    expected = network(*inputs)
    session = onnxruntime.InferenceSession(str(exported), providers=['CPUExecutionProvider'])
    feed = {name: value.numpy() for name, value in zip(network.input_names, inputs, strict=True)}
    outputs = session.run(network.output_names, feed)
    for name, ours, theirs in zip(network.output_names, expected, outputs, strict=True):
        tolerance = 1e-4 * float(ours.abs().max())
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerance, err_msg=name)


def test_the_file_must_be_named_onnx(tmp_path: Path, capsys: pytest.CaptureFixture):
    weights = ['--checkpoint', f'tlpg://{NAME}']
    arguments = [str(shipped_config(NAME)), *weights, '--out', str(tmp_path / 'model.pt')]
    assert export.main(arguments) == 2
    assert 'error: out: must end in .onnx, got model.pt' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('config', 'checkpoint', 'message'),
    [
        (str(shipped_config(NAME)), 'missing.pth', 'checkpoint: missing.pth is not a file'),
        (str(REPOSITORY / 'README.md'), f'tlpg://{NAME}', 'config: '),
    ],
)
def test_bad_input_is_explained(config, checkpoint, message, capsys):
    assert export.main([config, '--checkpoint', checkpoint, '--out', 'model.onnx']) == 2
    assert capsys.readouterr().err.startswith(f'error: {message}')


def test_ctrl_c_shows_no_traceback(tmp_path, monkeypatch, capsys):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tracker, 'from_pretrained', interrupted)
    assert export.main([str(shipped_config(NAME)), '--out', str(tmp_path / 'model.onnx')]) == 130
    assert capsys.readouterr().err == 'interrupted\n'
