# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Random numbers of each epoch that do not depend on the epochs before it."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed
from mmtrack.registry import HOOKS

STRIDE = 1009
"""Between the seeds of two epochs; more than there are processes, each of which adds its rank."""


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed Python's, numpy's and torch's random numbers anew before every epoch.

    A checkpoint holds no state of them. Without this, a training that was resumed would draw what
    the first epoch drew, and end elsewhere than one that ran through. The seed is the run's, with
    the epoch and the process's rank.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed."""
        set_random_seed((runner.seed + STRIDE * runner.epoch) % 2**31, diff_rank_seed=True)
