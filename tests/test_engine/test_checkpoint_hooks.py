# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A test refuses a checkpoint of another model; a training takes what fits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tlpg_mmtrack.engine import FittingCheckpointHook


@pytest.fixture
def runner() -> SimpleNamespace:
    return SimpleNamespace(model=nn.Linear(2, 3), _load_from='file.pth')


def _loaded(runner: SimpleNamespace, weights: dict) -> FittingCheckpointHook:
    hook = FittingCheckpointHook()
    hook.after_load_checkpoint(runner, dict(state_dict=weights))
    return hook


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_its_own_checkpoint_fits(runner, prefix):
    weights = {prefix + name: value for name, value in runner.model.state_dict().items()}
    _loaded(runner, weights).before_test(runner)


@pytest.mark.parametrize(
    'weights', [dict(weight=torch.zeros(3, 2)), dict(weight=torch.zeros(2, 2), bias=torch.ones(3))]
)
def test_missing_or_other_parameters_are_refused(runner, weights):
    with pytest.raises(ValueError, match=r'checkpoint: file.pth belongs to another model.*'):
        _loaded(runner, weights).before_test(runner)


def test_a_training_may_start_from_parts(runner):
    hook = _loaded(runner, dict(weight=torch.zeros(3, 2)))
    hook.before_train(runner)
    hook.before_test(runner)


def test_no_checkpoint_is_none_of_its_business(runner):
    FittingCheckpointHook().before_test(runner)
