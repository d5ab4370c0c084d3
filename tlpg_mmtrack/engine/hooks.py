# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Hooks of the runtime: random numbers, Ctrl-C, the log of a test; a loop that needs data."""

from __future__ import annotations

import signal
import threading
from functools import partial
from types import FrameType
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import EpochBasedTrainLoop, Runner, set_random_seed
from mmtrack.registry import HOOKS, LOOPS

from tlpg_mmtrack.utils.checkpoint import last_checkpoint
from tlpg_mmtrack.utils.errors import InputError

#: Between the seeds of two epochs; more than there are processes, each of which adds its rank.
STRIDE = 1009


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed Python's, numpy's and torch's random numbers anew before every epoch.

    A checkpoint holds no state of them: without this, a training that was resumed would draw what
    the first epoch drew. Loading processes that start with the epoch are seeded likewise;
    persistent ones go on from where the last epoch left them.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed this process, and those that its data loader will start."""
        seed = (runner.seed + STRIDE * runner.epoch) % 2**31
        set_random_seed(seed, diff_rank_seed=True)
        init = runner.train_dataloader.worker_init_fn
        if isinstance(init, partial) and 'seed' in init.keywords:
            runner.train_dataloader.worker_init_fn = partial(init, seed=seed)


@HOOKS.register_module()
class InterruptHook(Hook):
    """Let Ctrl-C (SIGINT) wait for the end of the iteration at hand, and of a save with it.

    A second Ctrl-C does not wait. Processes that load data are forked after training has begun,
    inherit the patience, and end with the training.
    """

    # After all other hooks: the iteration is logged, and its rates are scheduled.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._pending = False
        self._previous = None

    def before_train(self, runner: Runner) -> None:
        """Take over SIGINT; a thread that is not the main one never gets it."""
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._request)

    def after_train(self, runner: Runner) -> None:
        self._restore()

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        """Raise a KeyboardInterrupt that says what to resume from, if Ctrl-C was pressed."""
        if not self._pending:
            return
        last = last_checkpoint(runner.work_dir)
        advice = f'add --resume to go on from {last}' if last else 'no checkpoint was written yet'
        raise KeyboardInterrupt(f'interrupted after iteration {runner.iter + 1}; {advice}')

    after_val_iter = after_train_iter

    def _request(self, number: int, frame: FrameType | None) -> None:
        self._pending = True
        self._restore()

    def _restore(self) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None


@HOOKS.register_module()
class MainProcessLoggerHook(LoggerHook):
    """mmengine's logger, whose file of a test's measures is the main process's alone.

    mmengine has every process of a distributed test write the same ``TIMESTAMP.json`` at the same
    time, which may then be no JSON.
    """

    after_test_epoch = master_only(LoggerHook.after_test_epoch)


@LOOPS.register_module()
class NonEmptyEpochLoop(EpochBasedTrainLoop):
    """mmengine's training by epochs; an InputError where an epoch has no batch.

    With ``drop_last`` that is what fewer samples than a batch come to: mmengine would write
    checkpoints of untrained weights, and report success. A hook comes too late: a schedule with
    ``convert_to_iter_based`` has failed before, without a word about the data.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(loader := self.dataloader) == 0:
            raise InputError(
                f'train_dataloader: no batch an epoch: {len(loader.sampler)} samples, batch_size '
                f'{loader.batch_size}, drop_last {loader.drop_last}; add data, or set a smaller '
                'batch_size'
            )
