# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's own PrDiMP, given our PrRoIPool by `compat`, tracks and trains on a CPU."""

from __future__ import annotations

from pathlib import Path

import mmtrack
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample
from torch import Tensor

CONFIG = (
    Path(mmtrack.__file__).parent
    / '.mim/configs/sot/prdimp/prdimp_r50_8xb10-50e_got10k-lasot-trackingnet-coco_base.py'
)


@pytest.fixture
def prdimp() -> torch.nn.Module:
    """PrDiMP as upstream configures it, with a ResNet-18, a smaller crop and fewer proposals."""
    model = Config.fromfile(CONFIG).model
    model.backbone.update(depth=18, init_cfg=None)
    model.cls_head.in_dim = 256
    model.bbox_head.in_dim = (128, 256)
    model.bbox_head.train_cfg.num_samples = 8
    model.test_cfg.img_sample_size = 12 * 16
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield MODELS.build(model)


def _clip(frames: int) -> tuple[list[Tensor], list[Tensor]]:
    """A bright square that moves over noise: (1, 1, 3, 120, 160) frames and xyxy boxes."""
    random = np.random.default_rng(0)
    background = random.uniform(-1, 1, (3, 120, 160))
    images, boxes = [], []
    for index in range(frames):
        x, y = 60 + 3 * index, 40 + 2 * index
        image = background.copy()
        image[:, y : y + 30, x : x + 30] = 2.0
        images.append(torch.tensor(image, dtype=torch.float32)[None, None])
        boxes.append(torch.tensor([[x, y, x + 30, y + 30]], dtype=torch.float32))
    return images, boxes


def _sample(box: Tensor, **metainfo) -> TrackDataSample:
    sample = TrackDataSample(metainfo=metainfo)
    sample.gt_instances = InstanceData(bboxes=box)
    return sample


def _corners(box: Tensor) -> Tensor:
    """mmtrack's 8-number polygon of a (1, 4) xyxy box, its input format for a test."""
    x1, y1, x2, y2 = box[0].tolist()
    return torch.tensor([[x1, y1, x2, y1, x2, y2, x1, y2]])


def test_it_tracks_a_clip_with_finite_boxes(prdimp):
    images, boxes = _clip(frames=4)
    prdimp.eval()
    for index, (image, box) in enumerate(zip(images, boxes, strict=True)):
        sample = _sample(_corners(box), frame_id=index)
        with torch.no_grad():
            (result,) = prdimp.forward({'img': image}, [sample], mode='predict')
        found = result.pred_track_instances.bboxes
        assert found.shape == (1, 4)
        assert torch.isfinite(found).all()
        assert (found[:, 2:] > found[:, :2]).all()


def test_its_training_loss_reaches_the_pooled_features(prdimp):
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(2, 1, 3, 288, 288, generator=generator)
    box = torch.tensor([[110.0, 110.0, 180.0, 170.0]])
    samples = []
    for _ in range(2):
        sample = _sample(box)
        sample.search_gt_instances = InstanceData(bboxes=box)
        samples.append(sample)
    losses = prdimp.forward({'img': frames, 'search_img': frames}, samples, mode='loss')
    sum(losses.values()).backward()
    assert torch.isfinite(losses['loss_bbox'])
    pooled_conv = prdimp.bbox_regressor.conv3_temp.conv.weight
    assert pooled_conv.grad.isfinite().all()
    assert pooled_conv.grad.any()
