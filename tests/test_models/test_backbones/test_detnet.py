# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""DetNet-59: what it declares, what it costs, and what it shares with ResNet-50."""

from __future__ import annotations

import pytest
import torch
from mmtrack.registry import MODELS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tlpg_mmtrack.models.backbones import DetNet, TrackingResNet


@pytest.fixture(scope='module')
def whole() -> DetNet:
    """All five maps."""
    return MODELS.build(dict(type='DetNet', out_indices=(0, 1, 2, 3, 4))).eval()


def test_declares_what_it_returns(whole: DetNet) -> None:
    maps = whole(torch.zeros(1, 3, 64, 64))
    channels, strides, offsets = zip(*whole.feature_info, strict=True)
    assert tuple(m.shape[1] for m in maps) == channels == (256, 512, 1024, 1024, 1024)
    assert tuple(64 // m.shape[-1] for m in maps) == strides == (4, 8, 16, 16, 16)
    assert offsets == (0.0,) * 5


def test_by_default_it_returns_what_the_neck_reads() -> None:
    backbone = DetNet()
    assert [level[:2] for level in backbone.feature_info] == [(512, 8), (1024, 16), (1024, 16)]
    assert len(backbone(torch.zeros(1, 3, 32, 32))) == 3
    # The last stage would be computed for nothing.
    assert not hasattr(backbone, 'stage6')


def test_has_59_layers_of_weights(whole: DetNet) -> None:
    """As ResNet's are counted: the convolutions but for shortcuts, and the classifier."""
    layers = [
        name
        for name, module in whole.named_modules()
        if isinstance(module, nn.Conv2d) and 'downsample' not in name
    ]
    assert len(layers) + 1 == 59
    shortcuts = [name for name, _ in whole.named_modules() if name.endswith('downsample')]
    assert {'stage5.0.downsample', 'stage6.0.downsample'} < set(shortcuts)
    assert len(shortcuts) == 5


def test_costs_what_the_paper_states() -> None:
    """4.8 GFLOPs at 224 pixels, multiply-adds, on the ResNet-50 of its time, of 3.8."""
    # Shapes alone are needed.
    with torch.device('meta'):
        image = torch.zeros(1, 3, 224, 224)
        backbones = DetNet(out_indices=(4,), style='caffe'), TrackingResNet(style='caffe')
    for backbone, stated in zip(backbones, (4.8, 3.8), strict=True):
        counter = FlopCounterMode(display=False)
        with counter:
            backbone(image)
        assert counter.get_total_flops() / 2e9 == pytest.approx(stated, abs=0.06)


def test_stages_2_to_4_take_resnets_weights(whole: DetNet) -> None:
    resnet = TrackingResNet(out_indices=(0, 1, 2, 3)).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        resnet.init_weights()
    keys = whole.load_state_dict(resnet.state_dict(), strict=False)
    assert {key.partition('.')[0] for key in keys.missing_keys} == {'stage5', 'stage6'}
    assert {key.partition('.')[0] for key in keys.unexpected_keys} == {'layer4'}
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for ours, theirs in zip(whole(image)[:3], resnet(image)[:3], strict=True):
        assert torch.equal(ours, theirs)


def test_new_stages_look_twice_as_far_and_start_as_their_shortcut(whole: DetNet) -> None:
    x = torch.randn(1, 1024, 9, 9, generator=torch.Generator().manual_seed(0)).relu()
    block = whole.stage5[1]
    assert torch.equal(block(x), x)
    inner = block.conv2(torch.ones(1, 256, 9, 9))
    assert inner.shape[-2:] == (9, 9)
    assert block.conv2.dilation == (2, 2)


@pytest.mark.parametrize('indices', [(), (2, 1), (1, 5)])
def test_other_maps_are_refused(indices: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match='DetNet: out_indices must be some of'):
        DetNet(out_indices=indices)
