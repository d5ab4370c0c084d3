# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG-Tracker (IJCAI 2020) as a plugin for MMTracking 1.x."""

from . import compat

compat.apply()
