# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG-Tracker (IJCAI 2020) as a plugin for MMTracking 1.x.

Importing the package makes `mmtrack` importable on a current stack (see
:mod:`tlpg_mmtrack.compat`) and registers every component in mmtrack's registries.

Example:
    >>> from tlpg_mmtrack import Tracker
    >>> tracker = Tracker.from_pretrained()
    >>> tracker.init(frame, box)  # H x W x 3, uint8, BGR; (x, y, width, height) in pixels
    >>> result = tracker.track(next_frame)
    >>> result.box, result.score, result.state
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .releases import check_releases

# First: compat imports the packages that are looked at.
check_releases()

from . import compat  # noqa: E402

compat.apply()

# After compat: these import mmtrack, and register the components when they are imported.
from . import datasets, engine, evaluation  # noqa: E402
from .models import (  # noqa: E402
    adapters,
    backbones,
    data_preprocessors,
    heads,
    necks,
    optimizers,
    trackers,
)

if TYPE_CHECKING:
    from .apis.tracker import Tracker

__version__ = '0.1.0'

__all__ = [
    'Tracker',
    '__version__',
    'adapters',
    'backbones',
    'compat',
    'data_preprocessors',
    'datasets',
    'engine',
    'evaluation',
    'heads',
    'necks',
    'optimizers',
    'trackers',
]


def __getattr__(name: str) -> Any:
    """Import `Tracker` when it is first asked for: training and testing do not need it."""
    if name == 'Tracker':
        from .apis.tracker import Tracker

        return Tracker
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
