# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""configs/mix/siamese-rpn_*: our components in mmtrack's SiamRPN++ train a step and track."""

from __future__ import annotations

import pytest
from mixed_models import build, check_neck_start, check_track, check_train_step, mix_config, names
from torch import nn

PARTS = {
    'siamese-rpn_r50_balanced-neck': ('neck.lateral_convs', 'neck.weight_logits', 'head'),
    'siamese-rpn_r50_feature-enhancer': ('neck.neck', 'neck.enhancer.combine', 'head'),
}


@pytest.fixture(scope='module', params=names('siamese-rpn'))
def named_model(request: pytest.FixtureRequest) -> tuple[str, nn.Module]:
    """Each config's name and model."""
    return request.param, build(mix_config(request.param))


def test_it_trains_a_step_and_tracks(named_model: tuple[str, nn.Module]) -> None:
    name, model = named_model
    check_train_step(name, model, *PARTS[name])
    check_track(model, frames=2)


def test_training_starts_with_the_neck_near_the_identity(named_model):
    check_neck_start(named_model[1])
