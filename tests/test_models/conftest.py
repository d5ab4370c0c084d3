# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Components and trackers run where ``--device`` says."""

from on_device import run_on_device

__all__ = ['run_on_device']
