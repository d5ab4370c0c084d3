# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Records that the packages share."""

from .cell_grid import CellGrid
from .results import TrackingResult, TrackingState
from .target_model import FilterSamples, Prediction, TargetModel, TemplateSamples

__all__ = [
    'CellGrid',
    'FilterSamples',
    'Prediction',
    'TargetModel',
    'TemplateSamples',
    'TrackingResult',
    'TrackingState',
]
