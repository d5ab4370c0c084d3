# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A log of which one process writes the measures of a test."""

from __future__ import annotations

from mmengine.dist import master_only
from mmengine.hooks import LoggerHook
from mmengine.runner import Runner
from mmtrack.registry import HOOKS


@HOOKS.register_module()
class MainProcessLoggerHook(LoggerHook):
    """mmengine's logger, whose file of a test's measures is the main process's alone.

    mmengine has every process of a distributed test write ``TIMESTAMP.json``, the same file at the
    same time; with times of different lengths in them, the end of one may be left behind the
    other's, and the file is no JSON any more. The measures are the same in all processes.
    """

    @master_only
    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Log the measures and write them to the run's folder, in the main process."""
        super().after_test_epoch(runner, metrics)
