# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""`DCCHead(backend='mmcv')`: score maps from mmcv's compiled operator, and boxes alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.utils.ext_loader import check_ops_exist
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import MODELS

from tlpg_mmtrack.compat.compiled_ops import MissingOperatorError
from tlpg_mmtrack.models import deformable_filter
from tlpg_mmtrack.models.heads import DCCHead

CONFIG = Path(__file__).resolve().parents[3] / 'configs/tlpg/tlpg_efflite0_small.py'
compiled = pytest.mark.skipif(not check_ops_exist(), reason='mmcv has no compiled operators')


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(ValueError, match="backend must be 'torch' or 'mmcv', got 'cudnn'"):
        DCCHead(8, feat_channels=8, backend='cudnn')


def test_missing_operators_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deformable_filter, 'check_ops_exist', lambda: False)
    with pytest.raises(MissingOperatorError, match=r"backend='mmcv' needs .* set backend='torch'"):
        DCCHead(8, feat_channels=8, backend='mmcv')


def _heads(**settings: object) -> list[DCCHead]:
    """The same head with either backend, its offset kernel away from zero."""
    heads = []
    for backend in ('torch', 'mmcv'):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            head = DCCHead(8, feat_channels=8, backend=backend, **settings)
            torch.nn.init.normal_(head.initial_affine, std=0.3)
            torch.nn.init.normal_(head.initial_free, std=0.3)
        heads.append(head)
    return heads


@compiled
@pytest.mark.parametrize('kernel_size', [3, 5])
def test_scores_of_several_targets(kernel_size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 8, 18, 18, generator=generator)
    boxes = torch.tensor([[[100.0, 110.0, 170.0, 160.0]], [[80.0, 90.0, 120.0, 170.0]]])
    scores = []
    for head in _heads(kernel_size=kernel_size):
        model = head.initialise(features[:, :1], boxes)
        scores.append(head.predict(model, features).scores)
    assert scores[0].shape == (2, 3, 18, 18)
    torch.testing.assert_close(scores[1], scores[0], rtol=1e-4, atol=1e-5)


@compiled
def test_losses_and_their_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    template, search = torch.randn(2, 2, 1, 8, 9, 9, generator=generator).unbind()
    boxes = torch.tensor([[[40.0, 50.0, 100.0, 90.0]]]).repeat(2, 1, 1)
    losses, gradients = [], []
    for head in _heads():
        losses.append(head.loss(template, boxes, search, boxes))
        sum(losses[-1].values()).backward()
        gradients.append({name: value.grad for name, value in head.named_parameters()})
    for name, value in losses[0].items():
        torch.testing.assert_close(losses[1][name], value, rtol=1e-4, atol=1e-5)
    for name, value in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], value, rtol=1e-3, atol=1e-4)


@compiled
def test_boxes_over_a_clip() -> None:
    """The whole tracker, both stages, with updates in every second frame."""
    random = np.random.default_rng(0)
    background = random.integers(60, 120, (120, 160, 3), dtype=np.uint8)
    look = np.kron(random.integers(0, 256, (5, 5, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    init_default_scope('mmtrack')
    tracks = []
    for backend in ('torch', 'mmcv'):
        config = Config.fromfile(CONFIG).model
        config.head.backend = config.refiner.head.backend = backend
        config.test_cfg.update(crop_size=160, warps=2, update_interval=2, postprocess='nms')
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = MODELS.build(config).eval()
        boxes = []
        for index in range(6):
            frame = background.copy()
            frame[40 + 2 * index : 70 + 2 * index, 60 + 3 * index : 90 + 3 * index] = look
            if index == 0:
                target = model.start(frame, np.array([60.0, 40.0, 30.0, 30.0]))
            else:
                boxes.append(model.step(frame, target).box)
        tracks.append(np.stack(boxes))
    # It followed the target, so that there is something to compare.
    assert abs(tracks[0][-1][:2] - (75, 50)).max() < 5
    np.testing.assert_allclose(tracks[1], tracks[0], rtol=0, atol=1e-2)
