# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Numbers that need care: float32 under mixed precision, and merits that are not finite."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn


def in_full_precision(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a module's method to run without autocast, whatever its caller runs in.

    For learning online: sampling points are places on a map, which float16 rounds to a 64th of a
    cell and bfloat16 to an eighth, and a step's length is a ratio of sums of small squares.
    """

    @wraps(method)
    def run(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        device = next(self.parameters()).device.type
        if not torch.is_autocast_enabled(device):
            return method(self, *args, **kwargs)
        with torch.autocast(device, enabled=False):
            return method(self, *args, **kwargs)

    return run


def at_least_float32(value: Tensor) -> Tensor:
    """Cast half precision to float32; return other types unchanged."""
    return value.to(torch.promote_types(value.dtype, torch.float32))


def rankable(merits: Tensor) -> Tensor:
    """Merits for ``argmax`` or ``topk``, which put NaN first: -inf where one is not finite."""
    return merits.masked_fill(~merits.isfinite(), -torch.inf)
