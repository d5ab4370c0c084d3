# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Every config of the ablation builds, takes a training step, and tracks a short clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from training_step import build, train_step

from tlpg_mmtrack.models.trackers import TLPG

FOLDER = Path(__file__).resolve().parents[1] / 'configs' / 'tlpg' / 'ablation'
TRAINED = [
    path
    for path in sorted(FOLDER.glob('*.py'))
    if not path.stem.startswith('base_') and not path.stem.endswith('_nms')
]
BOX = np.array([60.0, 40.0, 30.0, 30.0])
REFINERS = {'creg': 'CenterBiasRefiner', 'breg': 'BoxRegressionRefiner'}


def check_parts(model: TLPG, name: str) -> None:
    """What a config is named for is what it builds, and the parts fit each other."""
    design, _, variant = name.partition('_')
    refiner = type(model.refiner).__name__
    if design in ('rc', 'dc', 'dc-reg', 'dcc'):
        learners = dict(rc='FilterLearner', dc='JointLearner')
        assert type(model.head.learner).__name__ == learners.get(design, 'AlternateLearner')
        assert model.head.proposes == (design not in learners)
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
    if variant == 'iou':
        assert model.options.postprocess == 'iou_search'
    channels, _, offsets = zip(*model.backbone.feature_info, strict=True)
    assert model.head.grid.cell_offset == offsets[1]
    assert model.iou_head.in_channels == channels[:2]


def track(model: TLPG) -> None:
    """A clip of three frames: boxes are finite and of positive size."""
    frame = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    model.eval()
    target = None
    for index in range(3):
        image = frame.copy()
        image[40 + 2 * index : 70 + 2 * index, 60 + 3 * index : 90 + 3 * index] = (40, 220, 90)
        if target is None:
            target = model.start(image, BOX)
            continue
        result = model.step(image, target)
        assert np.isfinite([*result.box, result.score]).all()
        assert (result.box[2:] > 0).all()


@pytest.mark.parametrize('path', TRAINED, ids=lambda path: path.stem)
def test_a_row_builds_trains_and_tracks(path: Path) -> None:
    config = Config.fromfile(path)
    model = build(config)
    check_parts(model, path.stem)
    train_step(model, config)
    track(model)


@pytest.mark.parametrize('path', FOLDER.glob('*_nms.py'), ids=lambda path: path.stem)
def test_a_row_with_nms_is_the_one_with_iou_net_at_training_time(path: Path) -> None:
    """One training serves both: they differ at test time only."""
    own, twin = (
        Config.fromfile(path.with_stem(name)).model
        for name in (path.stem, path.stem.replace('_nms', '_iou'))
    )
    assert own.test_cfg.pop('postprocess') == 'nms'
    assert twin.test_cfg.pop('postprocess') == 'iou_search'
    assert own == twin
