# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Every config of the ablation builds, takes a training step, and tracks a short clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample

from tlpg_mmtrack.models.trackers import TLPG

FOLDER = Path(__file__).resolve().parents[1] / 'configs' / 'tlpg' / 'ablation'
ROWS = sorted(path for path in FOLDER.glob('*.py') if not path.stem.startswith('base_'))
SIZE = 96
BOX = np.array([60.0, 40.0, 30.0, 30.0])
REFINERS = {'creg': 'CenterBiasRefiner', 'breg': 'BoxRegressionRefiner'}


def build(path: Path) -> TLPG:
    """A row's model with random weights, for crops of 96 pixels and no warped ones."""
    init_default_scope('mmtrack')
    model = Config.fromfile(path).model
    model.test_cfg.update(crop_size=SIZE, warps=0, first_iters=2, update_interval=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS.build(model)


def check_parts(model: TLPG, name: str) -> None:
    """What a config is named for is what it builds, and the parts fit each other."""
    design, _, variant = name.partition('_')
    refiner = type(model.refiner).__name__
    if design in ('rc', 'dc', 'dc-reg', 'dcc'):
        heads = dict(rc='RigidHead', dc='DeformableHead')
        assert type(model.head).__name__ == heads.get(design, 'DCCHead')
        assert model.refiner is None
    elif design.partition('-')[0] in REFINERS:
        kind, _, enhanced = design.partition('-')
        assert refiner == REFINERS[kind]
        assert (model.refiner.enhancer is not None) == bool(enhanced)
    else:
        necks = {'no-neck': 'NoneType', 'fpn': 'FPN', 'balanced': 'BalancedNeck'}
        assert type(model.neck).__name__ == necks[design]
        backbones = dict(efflite0='EfficientNetLite', r50='TrackingResNet', detnet59='DetNet')
        assert type(model.backbone).__name__ == backbones[variant]
        assert refiner == 'CenterBiasRefiner'
    if variant in ('nms', 'iou'):
        assert model.options.postprocess == dict(nms='nms', iou='iou_search')[variant]
    assert model.head.grid.cell_offset == model.backbone.cell_offset
    assert model.iou_head.in_channels == model.backbone.out_channels[:2]


def train_step(model: TLPG) -> None:
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
    moved = set()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            assert parameter.grad.isfinite().all(), name
            if parameter.grad.any():
                moved.add(name.partition('.')[0])
    expected = {
        name
        for name, part in model.named_children()
        if name not in model.frozen_modules and any(p.requires_grad for p in part.parameters())
    }
    assert moved == expected
    model.zero_grad()


def track(model: TLPG) -> None:
    """A clip of four frames: boxes are finite and of positive size."""
    frame = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    model.eval()
    target = None
    for index in range(4):
        image = frame.copy()
        image[40 + 2 * index : 70 + 2 * index, 60 + 3 * index : 90 + 3 * index] = (40, 220, 90)
        if target is None:
            target = model.start(image, BOX)
            continue
        result = model.step(image, target)
        assert np.isfinite([*result.box, result.score]).all()
        assert (result.box[2:] > 0).all()


@pytest.mark.parametrize('path', ROWS, ids=lambda path: path.stem)
def test_a_row_builds_trains_and_tracks(path: Path) -> None:
    model = build(path)
    check_parts(model, path.stem)
    if path.stem.endswith('_nms'):
        # One training serves both: they differ at test time only.
        twin, config = (
            Config.fromfile(path.with_stem(name)).model
            for name in (path.stem.replace('_nms', '_iou'), path.stem)
        )
        assert config.test_cfg.pop('postprocess') != twin.test_cfg.pop('postprocess')
        assert config == twin
    else:
        train_step(model)
    track(model)
