# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A model and data for a training that takes a second."""

from __future__ import annotations

from collections.abc import Callable

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.utils.data import Dataset

EPOCHS, BATCHES, BATCH = 4, 3, 2


class Linear(BaseModel):
    """Draws from torch's random numbers in its loss, as IoU-Net's jitter does.

    Attributes:
        losses: Of every iteration.
        spoil: Called with the iteration's number; what it returns is added to the loss.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.losses: list[float] = []
        self.spoil: Callable[[int], float] = lambda index: 0.0

    def forward(self, inputs: list[Tensor], mode: str = 'loss') -> dict[str, Tensor]:
        """The loss."""
        x = torch.stack(inputs)
        loss = (self.layer(x) - torch.rand(len(x), 1)).square().mean()
        loss = loss + self.spoil(len(self.losses)) * self.layer.weight.sum()
        self.losses.append(loss.item())
        return dict(loss=loss)


class Numbers(Dataset):
    """Samples that depend on their index alone."""

    def __init__(self, size: int = BATCHES * BATCH) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return dict(inputs=torch.rand(3, generator=torch.Generator().manual_seed(index)))
