# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Evaluation: measures, results on disk, benchmarks, and what runs them in mmengine."""

from .resumable_test_loop import ResumableTestLoop
from .tlpg_sot_metric import TLPGSOTMetric

__all__ = ['ResumableTestLoop', 'TLPGSOTMetric']
