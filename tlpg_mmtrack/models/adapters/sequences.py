# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's order of a training batch, frames first, to ours, sequences first."""

from __future__ import annotations

import torch
from torch import Tensor


def sequences_first(x: Tensor, sequences: int) -> Tensor:
    """(n * B, ...) with the B sequences' first frames first, to (B, n, ...)."""
    return x.unflatten(0, (-1, sequences)).transpose(0, 1)


def template_and_search_boxes(data_samples: list) -> tuple[Tensor, Tensor]:
    """Boxes (B, n, 4) of the template and (B, m, 4) of the search frames of B sequences."""
    return (
        torch.stack([sample.gt_instances.bboxes for sample in data_samples]),
        torch.stack([sample.search_gt_instances.bboxes for sample in data_samples]),
    )
