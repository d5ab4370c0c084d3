# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What a GPU would stumble over, without one: tensors on the wrong device, waiting for values."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmtrack.registry import MODELS
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tlpg_mmtrack.models import torchscript
from tlpg_mmtrack.models.trackers import TLPG, FrameNetwork
from tlpg_mmtrack.structures import TargetModel

CONFIGS = Path(__file__).resolve().parents[3] / 'configs' / 'tlpg'
SHIPPED = ('tlpg_efflite0_small', 'tlpg_r50_1xb10-60e_trackingnet-lasot-got10k')
# No CPU, and it refuses tensors of one. PyTorch's fake CUDA tensors need a PyTorch built for CUDA.
ELSEWHERE = torch.device('meta')


@pytest.fixture
def _no_autocast(monkeypatch: pytest.MonkeyPatch):
    """PyTorch knows no autocast of that device."""
    monkeypatch.setattr(torch, 'autocast', lambda *args, **kwargs: nullcontext())
    monkeypatch.setattr(torch, 'is_autocast_enabled', lambda *args: False)


def build(name: str) -> TLPG:
    """A config's model without pretrained weights; all that can be trained is."""
    config = Config.fromfile(CONFIGS / f'{name}.py').model
    config.backbone.pop('init_cfg', None)
    if 'pretrained' in config.backbone or config.backbone.type == 'EfficientNetLite':
        config.backbone.update(pretrained=False, frozen=False)
    return MODELS.build(config)


def move(module: nn.Module) -> None:
    """Put tensors without values in the place of parameters and buffers."""
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, value in tensors.items():
                if value is not None:
                    fake = torch.empty(value.shape, dtype=value.dtype, device=ELSEWHERE)
                    trained = isinstance(value, nn.Parameter)
                    tensors[name] = nn.Parameter(fake, value.requires_grad) if trained else fake


def devices(values: object) -> set[torch.device]:
    """Where all tensors in records and lists are."""
    if isinstance(values, Tensor):
        return {values.device}
    if hasattr(values, '__dict__'):
        values = vars(values).values()
    return set().union(*(devices(value) for value in values))


def boxes(*shape: int) -> Tensor:
    """Boxes without values."""
    return torch.empty(*shape, 4, device=ELSEWHERE)


@pytest.mark.usefixtures('_no_autocast')
@pytest.mark.parametrize('name', SHIPPED)
@torch.no_grad()
def test_network_and_learning_stay_on_their_device(name):
    model = build(name).eval()
    shapes = [(value.shape, value.dtype) for value in model.network.example_inputs()]
    # Any operator that meets tensors of two devices raises.
    move(model)
    network = FrameNetwork(model)
    inputs = [torch.empty(shape, dtype=dtype, device=ELSEWHERE) for shape, dtype in shapes]
    models = [TargetModel(*inputs[1:5]), TargetModel(*inputs[5:9])]
    seen = network.observe(inputs[0], models)
    assert devices([seen.stages, seen.iou_features, seen.levels]) == {ELSEWHERE}
    crops = torch.empty(3, *inputs[0].shape[1:], dtype=torch.uint8, device=ELSEWHERE)
    maps = network.maps(crops)
    for head, x, target, view in zip(
        network.heads, maps.features, models, seen.stages, strict=True
    ):
        samples = head.samples(x[None], boxes(1, 3))
        first = head.initialise(x[None, :1], boxes(1, 1))
        learned = head.learn(first, samples, 2).model
        assert devices(learned) == {ELSEWHERE}
        kept = head.filter_samples(x[None], boxes(1, 3), head.predict(learned, x[None]))
        seen_now = head.filter_samples(view.features, boxes(1, 1), view)
        course = head.learn_filter(target, kept, 2)
        assert devices([seen_now, course.parameters]) == {ELSEWHERE}
    if network.postprocess is not None and model.options.uses_regression:
        template = model.box_head.template(seen.levels, boxes(1))
        modulation = model.iou_head.modulation(seen.levels, boxes(1))
        size = torch.empty(2, device=ELSEWHERE)
        found = network.postprocess(
            boxes(), size, modulation, seen.iou_features, vars(template).values(), seen.levels
        )
        assert devices(found) == {ELSEWHERE}


@pytest.mark.usefixtures('_no_autocast')
@pytest.mark.parametrize('name', SHIPPED)
def test_a_training_step_stays_on_its_device(name):
    model = build(name).train()
    size = model.options.crop_size
    move(model)
    images = torch.empty(2, 3, 3, size, size, device=ELSEWHERE)
    frames = SimpleNamespace(bboxes=boxes(3))
    sample = SimpleNamespace(gt_instances=frames, search_gt_instances=frames)
    losses = model.loss(dict(img=images, search_img=images), [sample] * 2)
    assert devices(list(losses.values())) == {ELSEWHERE}
    sum(losses.values()).backward()
    gradients = [value.grad for value in model.parameters() if value.grad is not None]
    assert len(gradients) > 50
    assert devices(gradients) == {ELSEWHERE}


class Waits(TorchDispatchMode):
    """Counts operators that a GPU can only start once the values before are known."""

    OPERATORS = ('_local_scalar_dense', 'nonzero', '_unique2', 'masked_select', 'is_nonzero')

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        masks = [x for x in args[1] if x is not None] if name in ('index', 'index_put_') else []
        if name in self.OPERATORS or any(mask.dtype == torch.bool for mask in masks):
            self.seen[name] += 1
        return function(*args, **(kwargs or {}))


class Transfers(TorchFunctionMode):
    """Counts what would be copied from a GPU to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += getattr(function, '__name__', '') in ('cpu', 'tolist', 'item')
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize('postprocess', ['nms', 'iou', 'iou_search', 'regression'])
def test_a_frame_waits_for_its_two_transfers_alone(model, clip, monkeypatch, postprocess):
    """Of the score map, by which the target is located, and of what was found."""
    monkeypatch.setattr(torchscript, 'may_replace', lambda like: False)
    monkeypatch.setattr(model, 'options', replace(model.options, postprocess=postprocess))
    target = model.start(clip[0], clip.box(0))
    model.step(clip[1], target)
    with Waits() as waits, Transfers() as transfers:
        model.step(clip[2], target)
    assert not waits.seen
    assert transfers.count == 2
