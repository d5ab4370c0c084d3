# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Heads: the two stages of deformable central correlation, IoU-Net, box regression."""

from .box_regression_head import BoxRegressionHead
from .center_bias_refiner import CenterBiasRefiner
from .dcc_head import DCCHead
from .iou_net_head import IoUNetHead

__all__ = ['BoxRegressionHead', 'CenterBiasRefiner', 'DCCHead', 'IoUNetHead']
