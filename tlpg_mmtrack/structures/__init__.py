# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Records that the packages share."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .results import TrackingResult, TrackingState

#: Records of tensors, by module: imported when first asked for, since results alone need no torch.
_OF_TENSORS = {
    'CellGrid': '.cell_grid',
    'FilterSamples': '.target_model',
    'Prediction': '.target_model',
    'TargetModel': '.target_model',
    'TemplateSamples': '.target_model',
}

__all__ = ['TrackingResult', 'TrackingState', *_OF_TENSORS]


def __getattr__(name: str) -> Any:
    """Import a record of tensors."""
    if name in _OF_TENSORS:
        return getattr(import_module(_OF_TENSORS[name], __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
