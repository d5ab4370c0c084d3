# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Operators in plain PyTorch: deformable correlation, pooling of boxes, points to boxes.

:mod:`.crop` has those on images, by OpenCV.
"""

from .deformable_correlation import (
    BilinearSampler,
    deformable_correlation,
    kernel_points,
    kernel_sampler,
    project,
    project_transpose,
)
from .points_to_box import distances_to_boxes, extreme_weights, points_to_box
from .prroi_pool import PrRoIPool, prroi_pool, prroi_pool_boxes
