# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The tracker and what it keeps of a target."""

from .onnx_tlpg import OnnxTLPG
from .options import TrackingOptions
from .tlpg import TLPG, TargetState

__all__ = ['TLPG', 'OnnxTLPG', 'TargetState', 'TrackingOptions']
