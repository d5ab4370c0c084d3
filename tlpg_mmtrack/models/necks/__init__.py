# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Necks: from a backbone's levels to the map that is searched, and to the enhanced one."""

from .balanced_neck import BalancedNeck, resize_map
from .feature_enhancer import FeatureEnhancer
