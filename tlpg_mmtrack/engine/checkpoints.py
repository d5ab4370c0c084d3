# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Checkpoints: the last good one outlives a full disk, a test takes its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from mmengine.runner.checkpoint import CheckpointLoader
from mmtrack.registry import HOOKS
from torch import nn

from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.checkpoint import NOTE, check_fit, last_checkpoint, read_weights
from tlpg_mmtrack.utils.errors import FileError
from tlpg_mmtrack.utils.model_zoo import checkpoint_path
from tlpg_mmtrack.utils.option_rules import Rule, check_option, whole

ATOMIC = 'atomic'  #: Name of :class:`AtomicBackend` in mmengine's ``backend_args``.
KEPT = Rule(
    'at least 2, or -1 for all: the oldest checkpoint is removed before the next is written',
    lambda value: value == -1 or whole(2).accepts(value),
)


@CheckpointLoader.register_scheme(prefixes='tlpg://')
def load_shipped_checkpoint(filename: str, map_location: str | None = None) -> dict:
    """Read shipped weights, ``tlpg://CONFIG``, for ``--checkpoint`` and ``load_from``.

    An InputError if none of that config come with the package.
    """
    return dict(state_dict=read_weights(checkpoint_path(filename)))


@register_backend(ATOMIC)
class AtomicBackend(LocalBackend):
    """mmengine's local files, written atomically."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file; one of the same name stays until it is complete."""
        with atomic_write(Path(filepath)) as part:
            super().put(obj, part)

    def remove(self, filepath: str | Path) -> None:
        """Remove a file; one that cannot be removed stays, with a warning."""
        try:
            super().remove(filepath)
        except OSError as error:
            MMLogger.get_current_instance().warning(f'a file stays, removing it failed: {error}')


@HOOKS.register_module()
class GuardedCheckpointHook(CheckpointHook):
    """mmengine's checkpoints, of finite weights only, written atomically.

    ``--resume`` takes the file beside the note ``last_checkpoint``, so that a work folder can be
    renamed or copied. Weights that are not finite are not written: they would be what a training
    is resumed from. (mmdet's ``CheckInvalidLossHook`` stops at a loss that is not finite; but the
    last step of an epoch can break weights at a finite loss.)

    Args:
        max_keep_ckpts: Checkpoints to keep; at least 2, so that one is there while the next is
            written, or -1 for all.
        **kwargs: See mmengine's ``CheckpointHook``. With a ``backend_args`` or
            ``file_client_args``, writing atomically is that backend's affair.
    """

    def __init__(self, max_keep_ckpts: int = -1, **kwargs: Any) -> None:
        check_option('GuardedCheckpointHook', 'max_keep_ckpts', max_keep_ckpts, KEPT)
        if not kwargs.get('file_client_args') and '://' not in str(kwargs.get('out_dir')):
            kwargs['backend_args'] = kwargs.get('backend_args') or dict(backend=ATOMIC)
        super().__init__(max_keep_ckpts=max_keep_ckpts, **kwargs)

    def before_run(self, runner: Runner) -> None:
        """Have ``--resume`` take the file beside the note; mmengine would take the path in it."""
        if runner._resume and runner._load_from is None:
            path = last_checkpoint(runner.work_dir)
            runner._load_from = path and str(path)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        previous = last_checkpoint(runner.work_dir)
        advice = f'--resume goes on from {previous}' if previous else 'none was written yet'
        parameters = _unwrapped(runner).named_parameters()
        broken = [name for name, value in parameters if not value.isfinite().all()]
        if broken:
            raise FloatingPointError(
                f'checkpoint {step} not written: {len(broken)} weights are not finite, '
                f'{broken[0]} among them; {advice}, with a lower learning rate perhaps'
            )
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        except OSError as error:
            if previous:
                (Path(runner.work_dir) / NOTE).write_text(str(previous), encoding='utf-8')
            raise FileError(
                f'checkpoint: {self.last_ckpt} cannot be written ({error.strerror}); free space; '
                f'{advice}'
            ) from error


@HOOKS.register_module()
class FittingCheckpointHook(Hook):
    """Refuse to test with a checkpoint of another model.

    mmengine loads whatever fits and logs the rest, so that a wrong file gives the figures of an
    untrained model. A training may start from parts of a model, and is left alone.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise an InputError if a parameter is missing from it or has another shape."""
        # A training builds its loop before it loads.
        if not isinstance(runner._train_loop, BaseLoop):
            weights = checkpoint.get('state_dict', checkpoint)
            check_fit(_unwrapped(runner), weights, str(runner._load_from))


def _unwrapped(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
