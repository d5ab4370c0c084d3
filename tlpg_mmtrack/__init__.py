# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG-Tracker (IJCAI 2020) as a plugin for MMTracking 1.x.

Importing the package makes `mmtrack` importable on a current stack (see
:mod:`tlpg_mmtrack.compat`) and every component available in mmtrack's registries. Nothing else is
imported before it is used. :class:`~.apis.tracker.Tracker` tracks one object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .compat.stack import install

if TYPE_CHECKING:
    from .apis.multi_tracker import MultiTracker
    from .apis.tracker import Tracker

install()

__version__ = '0.1.0'

__all__ = ['MultiTracker', 'Tracker', '__version__']


def __getattr__(name: str) -> Any:
    """Import `Tracker` or `MultiTracker` when it is first asked for."""
    if name not in ('MultiTracker', 'Tracker'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import apis

    return getattr(apis, name)
