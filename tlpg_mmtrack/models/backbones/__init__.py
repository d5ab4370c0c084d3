# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Backbones that declare their feature maps' channels, strides and cell centres."""

from .detnet import DetNet
from .efficientnet_lite import EfficientNetLite
from .tracking_resnet import TrackingResNet
