# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's own trackers, made small enough for tests."""

from __future__ import annotations

from pathlib import Path

import mmtrack
import pytest
from mmdet.models import layers
from mmengine.config import Config

# mmdet 3.0.0rc6 removed what it derives from.
STARK_RUNS = hasattr(layers, 'Transformer')
CONFIGS = {
    'prdimp': 'prdimp/prdimp_r50_8xb10-50e_got10k-lasot-trackingnet-coco_test-lasot.py',
    'siamrpn': 'siamese_rpn/siamese-rpn_r50_8xb28-20e_imagenetvid-imagenetdet-coco_test-lasot.py',
    'stark': 'stark/stark-st2_r50_8xb16-50e_got10k-lasot-trackingnet-coco_test-lasot.py',
}
#: Narrower, with fewer layers, on fewer and smaller crops; each backbone would download weights.
SMALLER = {
    'prdimp': {
        'backbone.depth': 18,
        'cls_head.in_dim': 256,
        'bbox_head.in_dim': (128, 256),
        'cls_head.optimizer_cfg.init_update_iters': 2,
        'test_cfg.img_sample_size': 12 * 16,
        'test_cfg.init_aug_cfg.augmentation': dict(_delete_=True, dropout=[0.2, 0.2]),
    },
    'siamrpn': {'backbone.base_channels': 8, 'neck.in_channels': [64, 128, 256]},
    'stark': {
        'backbone.depth': 18,
        'backbone.base_channels': 8,
        'neck.in_channels': [32],
        'head.transformer.encoder.num_layers': 1,
        'head.transformer.decoder.num_layers': 1,
        'head.bbox_head.feat_size': 8,
        'test_cfg.search_size': 128,
        'test_cfg.template_size': 64,
    },
}


def small_config(name: str) -> Config:
    """One of mmtrack's configs, made small; skips the test where this mmdet cannot build it."""
    if name == 'stark' and not STARK_RUNS:
        pytest.skip('STARK needs mmdet 3.0.0rc5 or earlier')
    folder = Path(mmtrack.__file__).parent / '.mim/configs/sot'
    config = Config.fromfile(folder / CONFIGS[name])
    assert config.model.backbone.init_cfg.type == 'Pretrained'
    config.merge_from_dict({f'model.{key}': value for key, value in SMALLER[name].items()})
    return config
