# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""configs/mix/stark_*: our components in mmtrack's STARK train a step and track a clip."""

from __future__ import annotations

import pytest
from mixed_models import build, check_track, check_train_step, mix_config, names

from tlpg_mmtrack.models.necks import BalancedNeck

pytestmark = pytest.mark.filterwarnings('ignore:Unnecessary conv bias')

PARTS = {
    'stark_r50_balanced-neck': ('neck.lateral_convs', 'neck.weight_logits', 'head'),
    'stark_r50_feature-enhancer': ('neck.neck', 'neck.enhancer.combine', 'head'),
}


@pytest.mark.parametrize('name', names('stark'))
def test_it_trains_a_step_and_tracks(name: str) -> None:
    model = build(mix_config(name))
    check_train_step(name, model, *PARTS[name])
    check_track(model)


def test_upstreams_own_class_takes_the_same_config() -> None:
    config = mix_config('stark_r50_balanced-neck')
    config.type = 'Stark'
    assert isinstance(build(config).neck, BalancedNeck)
