# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Operators in plain PyTorch: pooling of boxes, points to boxes."""

from .points_to_box import (
    ExtremeWeights,
    boxes_to_distances,
    distances_to_boxes,
    extreme_weights,
    points_to_box,
    points_to_box_jvp,
    points_to_box_vjp,
)
from .prroi_pool import PrRoIPool, prroi_pool, prroi_pool_boxes

__all__ = [
    'ExtremeWeights',
    'PrRoIPool',
    'boxes_to_distances',
    'distances_to_boxes',
    'extreme_weights',
    'points_to_box',
    'points_to_box_jvp',
    'points_to_box_vjp',
    'prroi_pool',
    'prroi_pool_boxes',
]
