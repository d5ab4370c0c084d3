# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What runs beside the models in training."""

from .interrupt_hook import InterruptHook

__all__ = ['InterruptHook']
