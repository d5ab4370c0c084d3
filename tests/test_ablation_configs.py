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
ROWS = sorted(path for path in FOLDER.glob('*.py') if not path.stem.startswith('base_'))
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
    if variant in ('nms', 'iou'):
        assert model.options.postprocess == dict(nms='nms', iou='iou_search')[variant]
    assert model.head.grid.cell_offset == model.backbone.cell_offset
    assert model.iou_head.in_channels == model.backbone.out_channels[:2]


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
    config = Config.fromfile(path)
    model = build(config)
    check_parts(model, path.stem)
    if path.stem.endswith('_nms'):
        # One training serves both: they differ at test time only.
        twin, own = (
            Config.fromfile(path.with_stem(name)).model
            for name in (path.stem.replace('_nms', '_iou'), path.stem)
        )
        assert own.test_cfg.pop('postprocess') != twin.test_cfg.pop('postprocess')
        assert own == twin
    else:
        train_step(model, config)
    track(model)
