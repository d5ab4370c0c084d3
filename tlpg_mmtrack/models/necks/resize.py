# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Bring feature maps of different strides to one size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resize_map(level: Tensor, size: tuple[int, int]) -> Tensor:
    """Average-pool a larger map, interpolate a smaller one bilinearly (section 3.4, below eq. 7).

    Both take the outer edges of the maps as aligned, so one undoes the other's displacement: cell
    ``i`` of the result lies on ``(i + 0.5) * n / m - 0.5`` of the source, with n and m cells.

    Args:
        level: Map (N, C, H, W).
        size: Height and width of the result.

    Returns:
        Map ``(N, C, *size)``; ``level`` itself when it has that size.
    """
    size = tuple(size)
    if level.shape[-2:] == size:
        return level
    if level.shape[-2] >= size[0] and level.shape[-1] >= size[1]:
        return F.adaptive_avg_pool2d(level, size)
    return F.interpolate(level, size, mode='bilinear', align_corners=False)
