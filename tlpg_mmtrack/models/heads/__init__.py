# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Heads: both stages, IoU-Net, box regression, and what the paper compares these with."""

from .box_regression_head import BoxRegressionHead
from .box_regression_refiner import BoxRegressionRefiner
from .center_bias_refiner import CenterBiasRefiner
from .dcc_head import DCCHead
from .iou_net_head import IoUNetHead
