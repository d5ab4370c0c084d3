# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Ctrl-C between iterations, so that no checkpoint is left half written."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmtrack.registry import HOOKS

from tlpg_mmtrack.utils.last_checkpoint import last_checkpoint


@HOOKS.register_module()
class InterruptHook(Hook):
    """Let Ctrl-C (SIGINT) wait for the end of the iteration at hand, and of a save with it.

    Python would raise `KeyboardInterrupt` wherever it happens to be, also in the middle of writing
    a checkpoint. A second Ctrl-C does so, for one who cannot wait. Processes that load data are
    forked after training has begun, inherit the patience, and end with the training.
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
