# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Mixed precision without a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmtrack.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision on a CPU: bfloat16, which has float32's range and needs no loss scale.

    ``--amp`` of tools/train.py means this where there is no GPU; mmengine's ``AmpOptimWrapper``,
    which needs one, elsewhere.

    Args:
        **kwargs: See mmengine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass under autocast."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield
