# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is kept out of autocast."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tlpg_mmtrack.models.full_precision import at_least_float32, in_full_precision


class _Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, 1), 1 / 3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight

    @in_full_precision
    def exact(self, x: Tensor) -> Tensor:
        """The same without autocast."""
        return self(x)


def test_autocast_ends_at_the_method_and_goes_on_after_it():
    product, x = _Product(), torch.ones(1, 1)
    with torch.autocast('cpu', torch.bfloat16):
        assert product(x).dtype == torch.bfloat16
        assert product.exact(x=x).item() == product.weight.item()
        assert product(x).dtype == torch.bfloat16
    assert product.exact(x).dtype == torch.float32
    assert product.exact.__doc__ == 'The same without autocast.'


def test_only_half_precision_is_widened():
    for given, wanted in (
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        assert at_least_float32(torch.zeros(1, dtype=given)).dtype == wanted
