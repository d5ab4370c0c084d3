# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests that no training runs on nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from toy_training import Numbers

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SCHEDULES = sorted((CONFIGS / '_base_' / 'schedules').glob('*.py'))
NO_BATCH = 'no batch an epoch: 1 samples, batch_size 2, drop_last'


@pytest.mark.parametrize('schedule', SCHEDULES, ids=lambda path: path.stem)
def test_epochs_without_a_batch_are_refused_under_every_shipped_schedule(
    make_runner: Callable[..., Runner], schedule: Path
) -> None:
    config = Config.fromfile(schedule)
    runner = make_runner(
        'empty',
        dataset=Numbers(1),
        train_cfg=config.train_cfg,
        param_scheduler=config.param_scheduler,
    )
    with pytest.raises(ValueError, match=NO_BATCH):
        runner.train()


def test_one_batch_is_enough(make_runner: Callable[..., Runner]) -> None:
    config = Config.fromfile(CONFIGS / '_base_' / 'schedules' / 'adamw_cosine.py')
    runner = make_runner(
        'small',
        dataset=Numbers(2),
        train_cfg=dict(config.train_cfg, max_epochs=1),
        param_scheduler=config.param_scheduler,
    )
    runner.train()
    assert len(runner.model.losses) == 1


def test_the_cosine_ends_with_the_training(make_runner: Callable[..., Runner]) -> None:
    """However many epochs it has."""
    config = Config.fromfile(CONFIGS / '_base_' / 'schedules' / 'adamw_cosine.py')
    runner = make_runner(
        'short',
        dataset=Numbers(8),
        train_cfg=dict(config.train_cfg, max_epochs=1),
        param_scheduler=config.param_scheduler[1:],
    )
    runner.train()
    group = runner.optim_wrapper.param_groups[0]
    # Of the last of four batches.
    last = (1 + math.cos(math.pi * 3 / 4)) / 2
    assert group['lr'] / group['initial_lr'] == pytest.approx(last)
