# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's PrDiMP, tiny and untrained, through mmtrack's own interface."""

from __future__ import annotations

from pathlib import Path

import mmtrack
import numpy as np
import pytest
import torch
from fake_model import white_square
from mmengine.config import Config
from mmtrack.registry import MODELS

from tlpg_mmtrack.evaluation.peers.mmtrack_model import MMTrackPeer

CONFIG = (
    Path(mmtrack.__file__).parent
    / '.mim/configs/sot/prdimp/prdimp_r50_8xb10-50e_got10k-lasot-trackingnet-coco_test-lasot.py'
)


@pytest.fixture
def config() -> Config:
    """PrDiMP with a ResNet-18 and a small crop; its backbone would download weights."""
    config = Config.fromfile(CONFIG)
    config.model.backbone.depth = 18
    config.model.cls_head.in_dim = 256
    config.model.bbox_head.in_dim = (128, 256)
    config.model.test_cfg.img_sample_size = 12 * 16
    config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='torchvision://none')
    return config


@pytest.fixture
def checkpoint(config: Config, tmp_path: Path) -> Path:
    """Its random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MODELS.build(config.model)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'random.pth')
    return tmp_path / 'random.pth'


def test_tracks_a_clip(config: Config, checkpoint: Path) -> None:
    tracker = MMTrackPeer('prdimp', config, checkpoint)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tracker.start(white_square(40), np.array([40.0, 40, 20, 20]))
        boxes = [tracker.step(white_square(x)) for x in (43, 46)]
        # A second video starts afresh.
        tracker.start(white_square(100), np.array([100.0, 40, 20, 20]))
        other = tracker.step(white_square(100))
    assert all(box.shape == (4,) and np.isfinite(box).all() for box in [*boxes, other])
    assert all((box[2:] > 0).all() for box in [*boxes, other])
    assert not np.array_equal(boxes[0], boxes[1])
    identity = tracker.identity()
    assert identity['model']['backbone']['depth'] == 18
    assert len(identity['weights_sha256']) == 64


def test_what_is_missing_is_named(config: Config, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"tracker 'prdimp': .*none\.pth is not a file"):
        MMTrackPeer('prdimp', config, tmp_path / 'none.pth')
    config.test_dataloader = None
    with pytest.raises(ValueError, match='its config has no test_dataloader'):
        MMTrackPeer('prdimp', config, checkpoint)
