# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Mixed precision as a training gets it; test_train_test runs ``--amp`` itself."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import OPTIM_WRAPPERS, DefaultScope
from mmengine.runner import set_random_seed
from torch import nn

from tlpg_mmtrack.engine import CPUAmpOptimWrapper, cpu_amp_optim_wrapper


def _config(model: nn.Module) -> dict:
    """As mmtrack's tool leaves it after ``--amp``."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return dict(type='AmpOptimWrapper', loss_scale='dynamic', optimizer=optimizer)


def test_on_a_cpu_the_forward_pass_is_in_bfloat16_and_the_weights_are_not(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(cpu_amp_optim_wrapper, 'get_device', lambda: 'cpu')
    set_random_seed(0)
    model, x = nn.Linear(3, 1), torch.rand(5, 3)
    with DefaultScope.overwrite_default_scope('mmtrack'):
        wrapper = OPTIM_WRAPPERS.build(_config(model))
    assert isinstance(wrapper, CPUAmpOptimWrapper)
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(x)
    assert output.dtype == torch.bfloat16
    assert not torch.is_autocast_enabled('cpu')
    wrapper.update_params(output.float().mean())
    torch.testing.assert_close(model.weight, before - 0.1 * x.mean(0), atol=1e-3, rtol=0)
    assert model.weight.dtype == torch.float32


def test_on_a_gpu_it_is_mmengines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cpu_amp_optim_wrapper, 'get_device', lambda: 'cuda')
    monkeypatch.setattr(cpu_amp_optim_wrapper, 'AmpOptimWrapper', dict)
    config = _config(nn.Linear(3, 1))
    with DefaultScope.overwrite_default_scope('mmtrack'):
        built = OPTIM_WRAPPERS.build(config)
    assert built == {name: config[name] for name in ('loss_scale', 'optimizer')}
