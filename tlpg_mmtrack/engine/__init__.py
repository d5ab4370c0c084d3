# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What runs beside the models in training and testing."""

from .checkpoints import FittingCheckpointHook, GuardedCheckpointHook, load_shipped_checkpoint
from .hooks import EpochSeedHook, InterruptHook, MainProcessLoggerHook, NonEmptyEpochLoop
