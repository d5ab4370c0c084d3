# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A test refuses a checkpoint of another model; a training takes what fits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from toy_training import EPOCHS

from tlpg_mmtrack.engine import FittingCheckpointHook


@pytest.fixture
def runner() -> SimpleNamespace:
    return SimpleNamespace(model=nn.Linear(2, 3), _load_from='file.pth', _train_loop={})


def _load(runner: SimpleNamespace, weights: dict) -> None:
    FittingCheckpointHook().after_load_checkpoint(runner, dict(state_dict=weights))


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_its_own_checkpoint_fits(runner, prefix):
    weights = {prefix + name: value for name, value in runner.model.state_dict().items()}
    _load(runner, weights)


@pytest.mark.parametrize(
    'weights', [dict(weight=torch.zeros(3, 2)), dict(weight=torch.zeros(2, 2), bias=torch.ones(3))]
)
def test_missing_or_other_parameters_are_refused(runner, weights):
    with pytest.raises(ValueError, match=r'checkpoint: file.pth belongs to another model.*'):
        _load(runner, weights)


def test_a_training_may_start_from_parts(make_runner, tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'parts.pth')
    runner = make_runner('parts', load_from=str(tmp_path / 'parts.pth'))
    runner.train()
    assert runner.epoch == EPOCHS
