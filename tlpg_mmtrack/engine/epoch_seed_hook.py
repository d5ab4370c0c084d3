# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Random numbers of each epoch that do not depend on the epochs before it."""

from __future__ import annotations

from functools import partial

from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed
from mmtrack.registry import HOOKS
from torch.utils.data import DataLoader

STRIDE = 1009
"""Between the seeds of two epochs; more than there are processes, each of which adds its rank."""


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed Python's, numpy's and torch's random numbers anew before every epoch.

    A checkpoint holds no state of them. Without this, a training that was resumed would draw what
    the first epoch drew, and end elsewhere than one that ran through. The seed is the run's, with
    the epoch and the process's rank.

    Loading processes that start with the epoch are seeded likewise: after a resume, and every
    epoch where they are not persistent. Persistent ones go on from where the last epoch left them.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed."""
        seed = (runner.seed + STRIDE * runner.epoch) % 2**31
        set_random_seed(seed, diff_rank_seed=True)
        _seed_workers(runner.train_dataloader, seed)


def _seed_workers(loader: DataLoader, seed: int) -> None:
    """Change the seed that mmengine starts a loader's processes with; each adds its number."""
    init = loader.worker_init_fn
    if isinstance(init, partial) and 'seed' in init.keywords:
        loader.worker_init_fn = partial(init, seed=seed)
