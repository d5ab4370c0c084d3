# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""configs/mix/prdimp_*: our components in mmtrack's PrDiMP train a step and track a clip."""

from __future__ import annotations

import pytest
import torch
from mixed_models import build, check_track, check_train_step, clip, mix_config, names, on_efflite0
from mmdet.structures.bbox import bbox_overlaps

from tlpg_mmtrack.models.heads import CenterBiasRefiner, DCCHead
from tlpg_mmtrack.models.learners import SDOptimizer
from tlpg_mmtrack.models.necks import BalancedNeck

PARTS = {
    'prdimp_efflite0': ('classifier', 'bbox_regressor'),
    'prdimp_efflite0_small': ('classifier', 'bbox_regressor'),
    'prdimp_r50': ('backbone', 'classifier', 'bbox_regressor'),
    'prdimp_r50_sd-optimizer': (
        'backbone',
        'classifier.filter_optimizer.log_step',
        'classifier.filter_optimizer.log_regularisation',
    ),
    'prdimp_r50_dcc-head': ('backbone', 'classifier.head.filter_features', 'bbox_regressor'),
    'prdimp_r50_center-bias-refiner': (
        'backbone',
        'bbox_regressor.refiner.head',
        'bbox_regressor.refiner.enhancer.combine',
        'bbox_regressor.iou_head',
    ),
    'prdimp_r50_balanced-neck': ('backbone', 'neck.lateral_convs', 'neck.weight_logits'),
}


COMPONENTS = {
    'prdimp_r50_sd-optimizer': ('classifier.filter_optimizer', SDOptimizer),
    'prdimp_r50_dcc-head': ('classifier.head', DCCHead),
    'prdimp_r50_center-bias-refiner': ('bbox_regressor.refiner', CenterBiasRefiner),
    'prdimp_r50_balanced-neck': ('neck', BalancedNeck),
}


@pytest.mark.parametrize('name', names('prdimp'))
def test_it_trains_a_step_and_tracks(name: str) -> None:
    model = build(mix_config(name))
    if name in COMPONENTS:
        place, kind = COMPONENTS[name]
        assert isinstance(model.get_submodule(place), kind)
    check_train_step(name, model, *PARTS[name])
    check_track(model, frames=2)


@pytest.mark.parametrize(
    'name', ['prdimp_r50_sd-optimizer', 'prdimp_r50_dcc-head', 'prdimp_r50_center-bias-refiner']
)
def test_it_follows_the_target_on_pretrained_features(name: str) -> None:
    model = build(on_efflite0(name))
    found = check_track(model, frames=5)
    truth = torch.tensor(clip(5)[1])
    truth[:, 2:] += truth[:, :2]
    overlaps = bbox_overlaps(torch.stack(found), truth, is_aligned=True)
    # From the first box alone the last overlap would be 0.28.
    assert overlaps.min() > 0.5
