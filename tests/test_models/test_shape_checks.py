# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A part that does not fit is refused while the model is built, by its name and its key."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import MODELS
from torch import nn

from tlpg_mmtrack.models.shape_checks import MapShape, backbone_shapes, neck_shapes

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
FPN = dict(_delete_=True, type='mmdet.FPN', out_channels=64, num_outs=3)
FREE_STAGES = {
    'head.in_channels': None,
    'refiner.head.in_channels': None,
    'refiner.enhancer.in_channels': None,
}


def _build(name: str, changes: dict) -> nn.Module:
    """Build a config's model with some of its keys changed."""
    init_default_scope('mmtrack')
    config = Config.fromfile(CONFIGS / name)
    config.merge_from_dict({f'model.{key}': value for key, value in changes.items()})
    return MODELS.build(config.model)


TLPG = {
    'neck, channels': (
        {'neck.in_channels': (40, 112, 321)},
        r'BalancedNeck: in_channels is \(40, 112, 321\), .* 3 maps of \(40, 112, 320\)',
    ),
    'neck, missing level': (
        {'backbone.out_levels': ('C4', 'C5')},
        r'BalancedNeck: in_channels is \(40, 112, 320\), .* 2 maps of \(112, 320\)',
    ),
    "mmdet's neck, missing level": (
        {
            'neck': {**FPN, 'num_outs': 2, 'in_channels': [40, 112]},
            'backbone.out_levels': ('C3', 'C4'),
        },
        r'FPN: 3 maps are needed, got 2 of strides \(8, 16\)',
    ),
    'head, channels': (
        {'head.in_channels': 64},
        r'DCCHead: in_channels is 64, but .* is 112; set in_channels=112',
    ),
    'head, stride': (
        {'head.stride': 8},
        r'DCCHead: stride is 8, but .* is 16; set stride=16',
    ),
    'enhancer, channels': (
        {'refiner.enhancer.in_channels': (40, 112, 112)},
        r'FeatureEnhancer: high must have 40 channels .* got 112',
    ),
    'second stage, channels': (
        {'refiner.enhancer.out_channels': 64},
        r'DCCHead: in_channels is 112, but .* is 64; set in_channels=64',
    ),
    'IoU-Net, channels': (
        {'iou_head.in_channels': (112, 320)},
        r'IoUNetHead: in_channels is \(112, 320\), but .* \(40, 112\)',
    ),
    'IoU-Net, strides': (
        {'iou_head.strides': (16, 32)},
        r'IoUNetHead: strides is \(16, 32\), but .* \(8, 16\)',
    ),
    'head, cell': (
        {'head.cell_offset': 0.0},
        r"DCCHead: cell_offset is 0\.0, but its map's first cell is 9\.0; set cell_offset=9\.0",
    ),
    'box regression, cells': (
        {'box_head.cell_offsets': (9.0, 3.0)},
        r'BoxRegressionHead: cell_offsets is \(9\.0, 3\.0\), but .* \(3\.0, 9\.0\)',
    ),
}


@pytest.mark.parametrize(('changes', 'message'), TLPG.values(), ids=TLPG)
def test_tlpg_refuses(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _build('tlpg/tlpg_efflite0_small.py', changes)


@pytest.mark.parametrize(
    ('key', 'value', 'right'),
    [('in_channels', 64, '112'), ('stride', 8, '16'), ('cell_offset', 0.0, r'9\.0')],
)
def test_a_second_stage_without_a_target_model_is_held_against_its_map(key, value, right):
    with pytest.raises(ValueError, match=rf'BoxRegressionRefiner: {key} is .* is {right}; set'):
        _build('tlpg/ablation/breg-en_iou.py', {f'refiner.{key}': value})


DCC = dict(_delete_=True, type='DCCClsHead', head=dict(type='DCCHead', in_channels=112))
PRDIMP = {
    'classifier, channels': (
        {'cls_head.in_dim': 96},
        r'RepairedPrDiMPClsHead: in_dim is 96, but .* is 112; set in_dim=112',
    ),
    'classifier, stride': (
        {'cls_head.filter_optimizer.feat_stride': 8},
        r'RepairedPrDiMPClsHead: filter_optimizer.feat_stride is 8, but .* is 16',
    ),
    'optimiser, cell': (
        {
            'cls_head.filter_initializer.filter_size': 5,
            'cls_head.filter_optimizer': dict(_delete_=True, type='SDOptimizer'),
        },
        r'RepairedPrDiMPClsHead: filter_optimizer.cell_offset is 0.0, but half a cell is 8.0',
    ),
    'DCC, channels': (
        {'cls_head': {**DCC, 'head': dict(type='DCCHead', in_channels=40)}},
        r'DCCHead: in_channels is 40, but .* is 112',
    ),
    'IoU-Net, channels': (
        {'bbox_head.in_dim': (112, 320)},
        r'IouNetHead: in_dim is \(112, 320\), but .* \(40, 112\)',
    ),
    'neck, channels': (
        {'neck': dict(type='BalancedNeck', in_channels=(40, 96))},
        r'BalancedNeck: in_channels is \(40, 96\), .* 2 maps of \(40, 112\)',
    ),
    'a level too many': (
        {'backbone.out_levels': ('C3', 'C4', 'C5')},
        r'EfficientNetLite: .* 3 maps of strides \(8, 16, 32\)',
    ),
}


@pytest.mark.parametrize(('changes', 'message'), PRDIMP.values(), ids=PRDIMP)
def test_prdimp_refuses(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _build('mix/prdimp_efflite0.py', changes)


def test_prdimp_refuses_a_refiner_that_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match=r'FeatureEnhancer: high must have 40 channels .* got 512'
    ):
        _build(
            'mix/prdimp_r50_center-bias-refiner.py',
            {'bbox_head.refiner.enhancer.in_channels': (40, 1024, 1024)},
        )


def test_a_neck_that_declares_nothing_is_tried() -> None:
    init_default_scope('mmtrack')
    neck = MODELS.build(
        dict(type='mmdet.ChannelMapper', in_channels=[40, 112], out_channels=32, kernel_size=1)
    )
    levels = (MapShape(40, 8), MapShape(112, 16))
    assert neck_shapes(neck, levels) == (MapShape(32, 8), MapShape(32, 16))
    with pytest.raises(ValueError, match=r'ChannelMapper: in_channels .* \(112, 40\) channels'):
        neck_shapes(neck, (MapShape(112, 8), MapShape(40, 16)))


class _Unpadded(nn.Module):
    """A backbone without padding, whose maps are smaller than their strides say."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 7, stride=4), nn.BatchNorm2d(4), nn.Conv2d(4, 6, 5, stride=2)
        )

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.stem(images),)


def test_a_backbone_that_declares_nothing_is_run_once_and_left_as_it_was() -> None:
    backbone = _Unpadded().train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    assert backbone_shapes(backbone) == (MapShape(6, 8),)
    assert backbone.training
    after = backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_channels_are_found_from_the_backbone() -> None:
    model = _build(
        'tlpg/tlpg_efflite0_small.py',
        {'neck.in_channels': None, 'iou_head.in_channels': None, **FREE_STAGES},
    )
    assert model.neck.in_channels == (40, 112, 320)
    assert model.head.in_channels == model.refiner.head.in_channels == 112
    assert model.refiner.enhancer.in_channels == (112, 112, 112)
    assert model.iou_head.in_channels == (40, 112)
