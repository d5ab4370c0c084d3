# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Records that the packages share."""

from .cell_grid import CellGrid
from .results import TrackingResult, TrackingState

__all__ = ['CellGrid', 'TrackingResult', 'TrackingState']
