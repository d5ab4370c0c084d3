# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What prepares a batch for a model."""

from .tlpg_data_preprocessor import TLPGDataPreprocessor

__all__ = ['TLPGDataPreprocessor']
