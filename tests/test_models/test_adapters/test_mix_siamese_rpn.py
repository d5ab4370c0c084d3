# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""configs/mix/siamese-rpn_*: our components in mmtrack's SiamRPN++ train a step and track."""

from __future__ import annotations

import pytest
import torch
from mixed_models import build, check_track, check_train_step, mix_config, names, train_step

PARTS = {
    'siamese-rpn_r50_balanced-neck': ('neck.lateral_convs', 'neck.weight_logits', 'head'),
    'siamese-rpn_r50_feature-enhancer': ('neck.neck', 'neck.enhancer.combine', 'head'),
}


@pytest.mark.parametrize('name', names('siamese-rpn'))
def test_it_trains_a_step_and_tracks(name: str) -> None:
    model = build(mix_config(name))
    check_train_step(name, model, *PARTS[name])
    check_track(model, frames=2)


def test_upstreams_own_class_takes_the_same_config() -> None:
    config = mix_config('siamese-rpn_r50_balanced-neck')
    config.backbone = dict(type='EfficientNetLite')
    config.neck.update(in_channels=(40, 112, 320), reference_level=0)
    losses = []
    for name in ('CheckedSiamRPN', 'SiamRPN'):
        config.type = name
        losses.append(train_step(build(config))[0])
    assert losses[0].keys() == losses[1].keys()
    assert all(torch.equal(losses[0][key], losses[1][key]) for key in losses[0])
