# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Heads: the two stages of deformable central correlation, IoU-Net, and what these replaced."""

from .box_regression_refiner import BoxRegressionRefiner
from .center_bias_refiner import CenterBiasRefiner
from .dcc_head import DCCHead
from .deformable_head import DeformableHead
from .iou_net_head import IoUNetHead
from .rigid_head import RigidHead

__all__ = [
    'BoxRegressionRefiner',
    'CenterBiasRefiner',
    'DCCHead',
    'DeformableHead',
    'IoUNetHead',
    'RigidHead',
]
