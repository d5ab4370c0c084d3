# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What runs beside the models in training and testing."""

from .interrupt_hook import InterruptHook
from .shipped_checkpoint import load_shipped_checkpoint

__all__ = ['InterruptHook', 'load_shipped_checkpoint']
