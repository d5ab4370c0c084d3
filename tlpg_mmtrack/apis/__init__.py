# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The Python API."""

from .tracker import Tracker

__all__ = ['Tracker']
