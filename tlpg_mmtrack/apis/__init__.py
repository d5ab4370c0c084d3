# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The Python API."""

from .multi_tracker import MultiTracker
from .tracker import Tracker

__all__ = ['MultiTracker', 'Tracker']
