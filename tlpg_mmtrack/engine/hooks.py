# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Hooks of the runtime: random numbers, Ctrl-C, the log of a test."""

from __future__ import annotations

import signal
import threading
from functools import partial
from types import FrameType

from mmengine.dist import master_only
from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner, set_random_seed
from mmtrack.registry import HOOKS

from tlpg_mmtrack.utils.checkpoint import last_checkpoint

STRIDE = 1009
"""Between the seeds of two epochs; more than there are processes, each of which adds its rank."""


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed Python's, numpy's and torch's random numbers anew before every epoch.

    A checkpoint holds no state of them: without this, a training that was resumed would draw what
    the first epoch drew. The seed is of the run, the epoch and the process's rank. Loading
    processes that start with the epoch are seeded likewise; persistent ones go on from where the
    last epoch left them.
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
        """Give SIGINT back."""
        self._restore()

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        """Stop if Ctrl-C was pressed.

        Raises:
            KeyboardInterrupt: Saying what training can be resumed from.
        """
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
    time, which may then be no JSON. The measures are the same in all processes.
    """

    @master_only
    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Log the measures and write them to the run's folder, in the main process."""
        super().after_test_epoch(runner, metrics)
