# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Necks: from a backbone's levels to the map that is searched, and to the enhanced one."""

from .balanced_neck import BalancedNeck
from .feature_enhancer import FeatureEnhancer
from .resize import resize_map

__all__ = ['BalancedNeck', 'FeatureEnhancer', 'resize_map']
