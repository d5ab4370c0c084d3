# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TrackingResNet: what it declares, and where its cells look."""

from __future__ import annotations

import pytest
import torch
from mmdet.models.backbones import ResNet
from mmtrack.registry import MODELS
from torch import nn

from tlpg_mmtrack.models.backbones import TrackingResNet


def test_declares_what_it_returns() -> None:
    backbone = MODELS.build(dict(type='TrackingResNet'))
    features = backbone(torch.zeros(1, 3, 64, 64))
    channels, strides, offsets = zip(*backbone.feature_info, strict=True)
    assert tuple(f.shape[1] for f in features) == channels == (512, 1024, 2048)
    assert tuple(64 // f.shape[-1] for f in features) == strides == (8, 16, 32)
    assert offsets == (0.0, 0.0, 0.0)


def test_declares_other_depths_and_stages() -> None:
    backbone = TrackingResNet(depth=18, out_indices=(0, 2))
    features = backbone(torch.zeros(1, 3, 64, 64))
    shapes = [(f.shape[1], 64 // f.shape[-1]) for f in features]
    assert shapes == [level[:2] for level in backbone.feature_info] == [(64, 4), (256, 16)]


def test_cells_look_at_their_declared_pixel() -> None:
    """With all weights equal, a cell looks at its field evenly: the centroid is the centre."""
    backbone = TrackingResNet(depth=18).eval()
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            # Positive, so that every ReLU passes; a mean, so that numbers stay in range.
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    backbone.double()
    # Max pooling passes the gradient to one pixel; a bump about the cell makes its choice fair.
    pixels = torch.arange(336.0, dtype=torch.float64)
    bump = torch.exp(-((pixels - 160) ** 2) / (2 * 40.0**2))
    image = (bump[:, None] * bump).expand(1, 3, -1, -1).clone().requires_grad_()
    for level, cell in zip(backbone(image), (20, 10, 5), strict=True):
        image.grad = None
        level[0, 0, cell, cell].backward(retain_graph=True)
        energy = image.grad.sum((0, 1))
        energy /= energy.sum()
        assert (energy.sum(0) * pixels).sum().item() == pytest.approx(160, abs=0.5)
        assert (energy.sum(1) * pixels).sum().item() == pytest.approx(160, abs=0.5)


def test_frozen_stages_and_statistics_survive_train() -> None:
    backbone = TrackingResNet(depth=18, frozen_stages=1).train()
    assert not any(parameter.requires_grad for parameter in backbone.layer1.parameters())
    assert all(parameter.requires_grad for parameter in backbone.layer2.parameters())
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)


def test_takes_the_weights_of_the_upstream_class() -> None:
    upstream = ResNet(depth=18, out_indices=(1, 2, 3))
    upstream.eval()
    backbone = TrackingResNet(depth=18).eval()
    backbone.load_state_dict(upstream.state_dict(), strict=True)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for ours, theirs in zip(backbone(image), upstream(image), strict=True):
        assert torch.equal(ours, theirs)
