# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A training step of TLPG on small noise, and what every model must show after one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import mmcls.models
import mmdet.models
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmtrack.models.backbones import SOTResNet
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample
from torch import nn

from tlpg_mmtrack.models.trackers import TLPG

SIZE = 96


@contextmanager
def shallow_resnets() -> Iterator[None]:
    """ResNets built within have their stages' shapes, and a single block in each."""
    with ExitStack() as stack:
        for kind in (mmcls.models.ResNet, mmdet.models.ResNet, SOTResNet):
            settings = {
                depth: (block, (1,) * 4) for depth, (block, _) in kind.arch_settings.items()
            }
            stack.enter_context(patch.object(kind, 'arch_settings', settings))
        yield


def build(config: Config) -> TLPG:
    """A config's model with random weights, for crops of 96 pixels and no warped ones."""
    init_default_scope('mmtrack')
    model = config.model
    model.test_cfg.update(crop_size=SIZE, warps=0, first_iters=2, update_interval=2)
    with shallow_resnets(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS.build(model)


def train_step(model: TLPG, config: Config) -> None:
    """One step on noise: losses are finite, and every part that is to learn gets a gradient."""
    generator = torch.Generator().manual_seed(0)
    sample = TrackDataSample()
    box = torch.tensor([[38.0, 40.0, 57.0, 56.0]])
    sample.gt_instances = InstanceData(bboxes=torch.cat((box, box + 3.0)))
    sample.search_gt_instances = InstanceData(bboxes=box - 4.0)
    inputs = dict(
        img=255 * torch.rand(1, 2, 3, SIZE, SIZE, generator=generator),
        search_img=255 * torch.rand(1, 1, 3, SIZE, SIZE, generator=generator),
    )
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        losses = model.loss(inputs, [sample])
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values()), losses
    check_gradients(model, config)
    moved = {
        name.partition('.')[0]
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    expected = {
        name
        for name, part in model.named_children()
        if name not in model.frozen_modules and any(p.requires_grad for p in part.parameters())
    }
    assert moved == expected
    model.zero_grad()


def check_gradients(model: nn.Module, config: Config) -> None:
    """After a step every trainable parameter has a finite gradient, or the config says not.

    In several processes one without it ends the training at its second iteration.
    """
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    missing = [name for name, parameter in trainable.items() if parameter.grad is None]
    assert not missing or config.get('find_unused_parameters'), missing
    for name, parameter in trainable.items():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name
