# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""configs/mix/stark_*: our components in mmtrack's STARK train a step and track a clip."""

from __future__ import annotations

import pytest
from mixed_models import build, check_neck_start, check_track, check_train_step, mix_config, names
from small_baselines import STARK_RUNS
from torch import nn

pytestmark = [
    pytest.mark.filterwarnings('ignore:Unnecessary conv bias'),
    pytest.mark.skipif(not STARK_RUNS, reason='STARK needs mmdet 3.0.0rc5 or earlier'),
]

PARTS = {
    'stark_r50_balanced-neck': ('neck.lateral_convs', 'neck.weight_logits', 'head'),
    'stark_r50_feature-enhancer': ('neck.neck', 'neck.enhancer.combine', 'head'),
}


@pytest.fixture(scope='module', params=names('stark'))
def named_model(request: pytest.FixtureRequest) -> tuple[str, nn.Module]:
    """Each config's name and model."""
    return request.param, build(mix_config(request.param))


def test_it_trains_a_step_and_tracks(named_model: tuple[str, nn.Module]) -> None:
    name, model = named_model
    check_train_step(name, model, *PARTS[name])
    check_track(model, frames=2)


def test_training_starts_with_the_neck_near_the_identity(named_model):
    check_neck_start(named_model[1])
