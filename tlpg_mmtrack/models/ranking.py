# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What candidates are ranked by."""

from __future__ import annotations

import torch
from torch import Tensor


def rankable(merits: Tensor) -> Tensor:
    """Merits to take the largest of: one that is not finite never wins.

    ``argmax`` and ``topk`` put NaN first.

    Args:
        merits: Any shape.

    Returns:
        The same, with -inf where a merit is not finite.
    """
    return merits.masked_fill(~merits.isfinite(), -torch.inf)
