# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Evaluation: measures of boxes and regions, results on disk, and mmengine's metric and loop."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .resumable_test_loop import ResumableTestLoop
    from .tlpg_sot_metric import TLPGSOTMetric

__all__ = ['ResumableTestLoop', 'TLPGSOTMetric']


def __getattr__(name: str) -> Any:
    """Import mmtrack, which takes seconds, only for what needs it; the measures do not."""
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import resumable_test_loop

    return getattr(resumable_test_loop, name)
