# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Records that the packages share."""

from __future__ import annotations

from typing import Any

from .results import TrackingResult, TrackingState

__all__ = ['CellGrid', 'TrackingResult', 'TrackingState']


def __getattr__(name: str) -> Any:
    """Import `CellGrid`, and with it torch, when it is first asked for."""
    if name == 'CellGrid':
        from .cell_grid import CellGrid

        return CellGrid
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
