# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Records that the packages share."""

from __future__ import annotations

from typing import Any

from .results import TrackingResult, TrackingState

# Imported when first asked for, since results alone need no torch.
_OF_TENSORS = 'CellGrid', 'FilterSamples', 'Prediction', 'TargetModel', 'TemplateSamples'

__all__ = ['TrackingResult', 'TrackingState', *_OF_TENSORS]


def __getattr__(name: str) -> Any:
    """Import a record of tensors."""
    if name not in _OF_TENSORS:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import tensor_records

    return getattr(tensor_records, name)
