# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Mixed precision as a training gets it (test_train_test runs ``--amp``); no empty training."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, DefaultScope
from mmengine.runner import Runner, set_random_seed
from tlpg_tools import train
from tlpg_tools.train_runner import CPUAmpOptimWrapper
from torch import nn
from toy_training import Numbers

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SCHEDULES = sorted((CONFIGS / '_base_' / 'schedules').glob('*.py'))
NO_BATCH = 'no batch an epoch: 1 samples, batch_size 2, drop_last'


def test_the_forward_pass_is_in_bfloat16_and_the_weights_are_not():
    set_random_seed(0)
    model, x = nn.Linear(3, 1), torch.rand(5, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = CPUAmpOptimWrapper(optimizer)
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(x)
    assert output.dtype == torch.bfloat16
    assert not torch.is_autocast_enabled('cpu')
    wrapper.update_params(output.float().mean())
    torch.testing.assert_close(model.weight, before - 0.1 * x.mean(0), atol=1e-3, rtol=0)
    assert model.weight.dtype == torch.float32


def test_mmengines_own_wrapper_stays_what_it_is_to_other_configs():
    with DefaultScope.overwrite_default_scope('mmtrack'):
        assert OPTIM_WRAPPERS.get('AmpOptimWrapper') is AmpOptimWrapper


@pytest.mark.parametrize(
    ('device', 'amp', 'changes'),
    [('cpu', False, {'optim_wrapper.type': 'CPUAmpOptimWrapper'}), ('cuda', True, {})],
)
def test_the_tools_option_takes_ours_only_without_a_gpu(device, amp, changes, monkeypatch):
    options = SimpleNamespace(config=__file__, amp=True, cfg_options=dict(seed=1))
    ran = []
    tool = SimpleNamespace(parse_args=lambda: options)
    tool.main = lambda: ran.append(tool.parse_args())
    monkeypatch.setattr('tlpg_tools.mmtrack_tool.load_mmtrack_tool', lambda name: tool)
    monkeypatch.setattr('mmengine.device.get_device', lambda: device)
    train.main()
    assert ran[0].amp == amp
    assert ran[0].cfg_options == dict(seed=1, **changes)


@pytest.mark.parametrize('schedule', SCHEDULES, ids=lambda path: path.stem)
def test_epochs_without_a_batch_are_refused_under_every_shipped_schedule(make_runner, schedule):
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
