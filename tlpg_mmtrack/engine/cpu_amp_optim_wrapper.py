# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""``--amp`` without a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmtrack.registry import OPTIM_WRAPPERS
from torch import nn


class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision on a CPU: bfloat16, which has float32's range and needs no loss scale.

    Args:
        loss_scale: Not used; ``--amp`` sets it.
        **kwargs: See mmengine's ``OptimWrapper``.
    """

    def __init__(self, loss_scale: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass under autocast."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


# In mmtrack's registry, where it is found before mmengine's, which refuses a machine without GPU.
@OPTIM_WRAPPERS.register_module(name='AmpOptimWrapper')
def build_amp_optim_wrapper(**kwargs: Any) -> OptimWrapper:
    """What ``--amp`` asks for: mmengine's ``AmpOptimWrapper``, or its like on a CPU."""
    wrapper = CPUAmpOptimWrapper if get_device() == 'cpu' else AmpOptimWrapper
    return wrapper(**kwargs)
