# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What runs beside the models in training and testing."""

from .cpu_amp_optim_wrapper import CPUAmpOptimWrapper
from .epoch_seed_hook import EpochSeedHook
from .fitting_checkpoint_hook import FittingCheckpointHook
from .guarded_checkpoint_hook import GuardedCheckpointHook
from .interrupt_hook import InterruptHook
from .main_process_logger_hook import MainProcessLoggerHook
from .non_empty_epoch_loop import NonEmptyEpochLoop
from .shipped_checkpoint import load_shipped_checkpoint
from .training_runner import TrainingRunner

__all__ = [
    'CPUAmpOptimWrapper',
    'EpochSeedHook',
    'FittingCheckpointHook',
    'GuardedCheckpointHook',
    'InterruptHook',
    'MainProcessLoggerHook',
    'NonEmptyEpochLoop',
    'TrainingRunner',
    'load_shipped_checkpoint',
]
