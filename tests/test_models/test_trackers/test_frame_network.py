# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""FrameNetwork: what goes in and comes out, and that tracing changes nothing."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmtrack.registry import MODELS
from moving_target import CONFIG, track
from torch import Tensor

from tlpg_mmtrack.models import torchscript
from tlpg_mmtrack.models.trackers import FrameNetwork
from tlpg_mmtrack.structures import TargetModel


def test_bgr_to_rgb_is_the_order_that_the_backbone_gets(model, monkeypatch):
    images = torch.arange(3.0).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    forward, seen = model.backbone.forward, []

    def watched(pixels: Tensor) -> tuple[Tensor, ...]:
        seen.append(pixels * model.std + model.mean)
        return forward(pixels)

    monkeypatch.setattr(model.backbone, 'forward', watched)
    for bgr_to_rgb, order in ((True, [2, 1, 0]), (False, [0, 1, 2])):
        monkeypatch.setattr(model, 'bgr_to_rgb', bgr_to_rgb)
        FrameNetwork(model).extract(images)
        assert seen[-1][0, :, 0, 0].tolist() == pytest.approx(order, abs=1e-4)


@torch.no_grad()
def test_outputs_are_what_each_stage_s_head_says_of_its_features(model):
    network = model.network
    inputs = dict(zip(network.input_names, network.example_inputs(), strict=True))
    outputs = dict(zip(network.output_names, network(*inputs.values()), strict=True))
    for stage, head in enumerate((model.head, model.refiner.head), start=1):
        names = ('filter', 'affine', 'free', 'size')
        target = TargetModel(**{name: inputs[f'{name}_{stage}'] for name in names})
        expected = head.predict(target, outputs[f'features_{stage}'])
        assert torch.equal(outputs[f'scores_{stage}'], expected.scores)
        assert torch.equal(outputs[f'points_{stage}'], expected.points)
        boxes = head.proposal_boxes(expected.distances[0])[0]
        assert torch.equal(outputs[f'boxes_{stage}'], boxes)


BOTH = ['iou_features_1', 'iou_features_2', 'level_1', 'level_2']


@pytest.mark.parametrize(
    ('postprocess', 'maps'), [('nms', []), ('iou_search', BOTH[:2]), ('regression', BOTH)]
)
@torch.no_grad()
def test_maps_are_put_out_where_something_reads_them(model, monkeypatch, postprocess, maps):
    monkeypatch.setattr(model, 'options', replace(model.options, postprocess=postprocess))
    network, levels = model.network, model.backbone(torch.zeros(1, 3, 192, 192))
    assert network.output_names[10:] == maps
    outputs = dict(zip(network.output_names, network(*network.example_inputs()), strict=True))
    for name in maps:
        assert outputs[name].shape[-2:] == levels[int(name[-1]) - 1].shape[-2:]


@torch.no_grad()
def test_a_second_stage_without_a_target_model_gets_its_map():
    config = Config.fromfile(CONFIG.parent / 'ablation/breg-en_iou.py').model
    config.backbone.pretrained = False
    network = MODELS.build(config).network
    crop, *tensors = network.example_inputs()
    seen = network.observe(crop, [TargetModel(*tensors)])
    features = network.extract(crop)
    expected = network.refiner.enhance(features.x, features.sources)
    assert len(seen.stages) == 1
    assert torch.equal(seen.enhanced, expected)
    assert network.output_names[-1] == 'enhanced'


@pytest.mark.parametrize('postprocess', ['nms', 'iou_search', 'regression'])
def test_boxes_are_the_same_where_nothing_is_traced(model, clip, monkeypatch, postprocess):
    monkeypatch.setattr(model, 'options', replace(model.options, postprocess=postprocess))
    traced, trace = [], torch.jit.trace
    monkeypatch.setattr(torch.jit, 'trace', lambda *a, **k: traced.append(1) or trace(*a, **k))
    boxes = [result.box for result in track(model, clip, 3)]
    # The maps, what the target models say of them, IoU-Net's maps, the search for the box.
    assert len(traced) == (2 if postprocess == 'nms' else 4)
    monkeypatch.setattr(torchscript, 'may_replace', lambda like: False)
    assert np.array_equal(boxes, [result.box for result in track(model, clip, 3)])
    assert len(traced) <= 4


def _moved(weights: Tensor) -> Tensor:
    return weights.flatten().roll(1).view_as(weights)


def test_what_is_traced_follows_the_weights_the_parts_and_the_options(model, clip, monkeypatch):
    monkeypatch.setattr(model, 'options', replace(model.options, postprocess='regression'))

    def answer() -> list[float]:
        (result,) = track(model, clip, 2)
        return [*result.box, result.score]

    reference = answer()

    for part in (model.head, model.box_head):
        weights = {name: value.clone() for name, value in part.state_dict().items()}
        part.load_state_dict({name: _moved(value) for name, value in weights.items()})
        assert answer() != reference
        part.load_state_dict(weights)
    assert answer() == reference
    box_head = model.box_head
    model.box_head = deepcopy(box_head)
    for parameter in model.box_head.parameters():
        torch.nn.init.normal_(parameter)
    try:
        assert answer() != reference
    finally:
        model.box_head = box_head
    with monkeypatch.context() as patch:
        patch.setattr(model, 'options', replace(model.options, size_penalty=0.9))
        assert answer() != reference
    assert answer() == reference


def test_a_copy_of_a_tracker_that_has_tracked_has_its_own_weights(model, clip):
    reference = track(model, clip, 2)[-1].box
    twin = deepcopy(model)
    assert np.array_equal(track(twin, clip, 2)[-1].box, reference)
    for parameter in twin.parameters():
        parameter.data.zero_()
    assert np.array_equal(track(model, clip, 2)[-1].box, reference)
