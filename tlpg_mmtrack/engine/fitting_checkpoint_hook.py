# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A test's figures are those of the checkpoint, or there are none."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmtrack.registry import HOOKS

from tlpg_mmtrack.utils.checkpoint import check_fit


@HOOKS.register_module()
class FittingCheckpointHook(Hook):
    """Refuse to test with a checkpoint of another model.

    mmengine loads whatever fits and logs the rest, so that a wrong file gives the figures of an
    untrained model. A training may start from parts of a model, and is left alone.
    """

    def __init__(self) -> None:
        self._loaded: dict | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what was read, until it is known whether it is for a test."""
        self._loaded = checkpoint

    def before_train(self, runner: Runner) -> None:
        """Let go of it."""
        self._loaded = None

    def before_test(self, runner: Runner) -> None:
        """Compare it with the model.

        Raises:
            ValueError: If a parameter is missing from the checkpoint or has another shape.
        """
        if self._loaded is None:
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        weights = self._loaded.get('state_dict', self._loaded)
        weights = {name.removeprefix('module.'): value for name, value in weights.items()}
        self._loaded = None
        check_fit(model, weights, str(runner._load_from))
