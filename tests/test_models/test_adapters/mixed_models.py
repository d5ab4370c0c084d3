# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Builds the models of configs/mix on small crops, trains a step and tracks a clip with each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmtrack.models.sot import PrDiMP, SiamRPN, Stark
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample
from torch import Tensor, nn
from training_step import check_gradients, shallow_resnets

from tlpg_mmtrack.models.adapters import EnhancedNeck
from tlpg_mmtrack.models.trackers import TLPG

CONFIGS = Path(__file__).resolve().parents[3] / 'configs' / 'mix'
# Sides of the template and search crops.
CROPS = {PrDiMP: (96, 96), SiamRPN: (127, 159), Stark: (64, 128), TLPG: (128, 128)}
FRAME_SIZE = (120, 160)


def names(prefix: str) -> list[str]:
    """All configs in configs/mix of a kind."""
    return sorted(path.stem for path in CONFIGS.glob(f'{prefix}_*.py'))


def mix_config(name: str) -> Config:
    """The model's config of a file in configs/mix, on crops that a CPU is quick with."""
    init_default_scope('mmtrack')
    model = Config.fromfile(CONFIGS / f'{name}.py').model
    # Not to be downloaded.
    model.backbone.init_cfg = None
    if 'Swin' in model.backbone.type:
        model.backbone.depths = (1, 1, 1, 1)
    if 'PrDiMP' in model.type:
        size = CROPS[PrDiMP][1]
        model.test_cfg.img_sample_size = size
        if 'train_cfg' in model.cls_head:
            model.cls_head.train_cfg.update(
                feat_size=(size // 16, size // 16), img_size=(size, size)
            )
        (model.bbox_head.get('iou_head') or model.bbox_head).train_cfg.num_samples = 8
    elif 'SiamRPN' in model.type:
        model.train_cfg.rpn.search_size = model.test_cfg.search_size = CROPS[SiamRPN][1]
    elif 'Stark' in model.type:
        template, search = CROPS[Stark]
        model.test_cfg.update(search_size=search, template_size=template)
        model.head.bbox_head.feat_size = search // 16
        for part in ('encoder', 'decoder'):
            model.head.transformer[part].num_layers = 1
    else:
        model.test_cfg.update(crop_size=CROPS[TLPG][1], warps=2)
    return model


def build(config: Config) -> nn.Module:
    """Build a model, of shallow ResNets, with random weights, always the same."""
    with shallow_resnets(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS.build(config)


def training_batch(model: nn.Module) -> tuple[dict[str, Tensor], list[TrackDataSample]]:
    """Two sequences of two template crops and a search crop, with noise for images."""
    template, search = next(sizes for kind, sizes in CROPS.items() if isinstance(model, kind))
    generator = torch.Generator().manual_seed(0)
    scale = 255 if isinstance(model, TLPG) else 1
    inputs = dict(
        img=scale * torch.rand(2, 2, 3, template, template, generator=generator),
        search_img=scale * torch.rand(2, 1, 3, search, search, generator=generator),
    )
    samples = []
    for _ in range(2):
        sample = TrackDataSample(metainfo=dict(search_img_shape=(search, search)))
        box = torch.tensor([[0.3, 0.32, 0.7, 0.72]])
        labels = torch.ones(1, dtype=torch.long)
        sample.gt_instances = InstanceData(bboxes=(template * box).repeat(2, 1))
        sample.search_gt_instances = InstanceData(bboxes=search * box, labels=labels)
        sample.padding_mask = torch.zeros(2, template, template, dtype=torch.bool)
        sample.search_padding_mask = torch.zeros(1, search, search, dtype=torch.bool)
        samples.append(sample)
    return inputs, samples


def train_step(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Losses of one batch, and the gradients of every parameter that has one."""
    model.train()
    inputs, samples = training_batch(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        losses = model.forward(inputs, samples, mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()
    gradients = {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return losses, gradients


def check_train_step(name: str, model: nn.Module, *parts: str) -> None:
    """A step's losses and gradients are finite, and reach all that a config's model trains."""
    losses, gradients = train_step(model)
    check_gradients(model, Config.fromfile(CONFIGS / f'{name}.py'))
    for key, value in losses.items():
        assert torch.isfinite(value).all(), key
    for part in parts:
        assert any(gradients[name].any() for name in gradients if name.startswith(part)), part
    model.zero_grad(set_to_none=True)


def check_neck_start(model: nn.Module) -> None:
    """A neck starts near the identity where training starts, whatever was drawn before."""
    model.init_weights()
    neck = model.neck
    if isinstance(neck, EnhancedNeck):
        maps = [torch.randn(1, channels, 4, 4) for channels in neck.in_channels]
        neck.eval()
        assert torch.equal(neck(maps)[0], neck.neck(maps)[1])
    else:
        reference = neck.lateral_convs[neck.reference_level].weight[..., 0, 0]
        torch.testing.assert_close(
            reference @ reference.T, torch.eye(neck.out_channels), atol=1e-4, rtol=0
        )


def clip(frames: int) -> tuple[list[Tensor], list[list[float]]]:
    """A striped box that moves over noise: (1, 1, 3, H, W) pixel values, (x, y, w, h) boxes."""
    random = np.random.default_rng(0)
    background = random.uniform(60, 120, (3, *FRAME_SIZE))
    look = np.kron(random.uniform(0, 255, (3, 5, 5)), np.ones((6, 6)))
    images, boxes = [], []
    for index in range(frames):
        x, y = 60 + 3 * index, 40 + 2 * index
        image = background.copy()
        image[:, y : y + 30, x : x + 30] = look
        images.append(torch.tensor(image, dtype=torch.float32)[None, None])
        boxes.append([x, y, 30.0, 30.0])
    return images, boxes


def track(model: nn.Module, frames: int = 3) -> list[Tensor]:
    """Boxes (x1, y1, x2, y2) of a clip, by the interface that mmtrack tests a model with."""
    model.eval()
    images, ((x, y, width, height), *_) = clip(frames)
    right, bottom = x + width, y + height
    corners = torch.tensor([[x, y, right, y, right, bottom, x, bottom]])
    # TLPG normalises its crops itself.
    mean, std = (0.0, 1.0) if isinstance(model, TLPG) else (90.0, 60.0)
    found = []
    for index, image in enumerate(images):
        sample = TrackDataSample(metainfo=dict(frame_id=index, ori_shape=FRAME_SIZE))
        sample.gt_instances = InstanceData(bboxes=corners)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(index)
            (result,) = model.forward({'img': (image - mean) / std}, [sample], mode='predict')
        found.append(result.pred_track_instances.bboxes[0])
    return found


def check_track(model: nn.Module, frames: int = 3) -> list[Tensor]:
    """Every box of a clip is finite and of positive size; returns them."""
    found = track(model, frames)
    assert len(found) == frames
    for box in found:
        assert torch.isfinite(box).all()
        assert (box[2:] > box[:2]).all()
    return found


def on_efflite0(name: str) -> Config:
    """A PrDiMP of configs/mix on EfficientNet-Lite0 and DiMP's crop, its IoU-Net held still.

    With the ImageNet features the classifier can really track; an untrained IoU-Net would only
    change the boxes at random.
    """
    init_default_scope('mmtrack')
    efflite0 = Config.fromfile(CONFIGS / 'prdimp_efflite0.py').model
    model = Config.fromfile(CONFIGS / f'{name}.py').model
    model.backbone, model.test_cfg = efflite0.backbone, {**model.test_cfg, **efflite0.test_cfg}
    model.test_cfg.border_mode = 'replicate'
    if model.cls_head.type == 'DCCClsHead':
        model.cls_head.head.update(in_channels=112, cell_offset=9.0)
    else:
        model.cls_head.update(in_dim=112, out_dim=112)
        model.cls_head.filter_initializer.feature_dim = 112
    box_head = model.bbox_head
    if box_head.type == 'CenterBiasBoxHead':
        box_head.refiner.head.update(in_channels=112, feat_channels=112, cell_offset=9.0)
        box_head.refiner.enhancer.in_channels = (40, 112, 112)
        box_head = box_head.iou_head
    box_head.in_dim = (40, 112)
    box_head.bbox_cfg.update(
        num_init_random_boxes=0, box_refine_iter=1, box_refine_step_length=0.0
    )
    return model
