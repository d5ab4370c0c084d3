# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Checkpoints of which the last good one outlives a full disk and broken weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmtrack.registry import HOOKS

from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.last_checkpoint import NOTE, last_checkpoint

WHOLE_FILES = 'whole_files'
"""Name of :class:`WholeFileBackend` in mmengine's ``backend_args``."""


@register_backend(WHOLE_FILES)
class WholeFileBackend(LocalBackend):
    """Local files that are there whole or not at all, one of the same name until then."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file.

        Raises:
            OSError: If it cannot be written.
        """
        with atomic_write(Path(filepath)) as part:
            super().put(obj, part)


@HOOKS.register_module()
class GuardedCheckpointHook(CheckpointHook):
    """mmengine's checkpoints, of finite weights only, each whole or not there.

    mmengine removes the oldest checkpoint before it writes the next, writes that in place, and
    notes its name in ``last_checkpoint``, which ``--resume`` reads. Here a checkpoint is written
    under a hidden name first, so that a full disk leaves no half of one, and nothing is removed
    but the oldest; where that cannot be, it stays, with a warning. ``--resume`` takes the file
    beside the note, so that a work folder can be renamed or copied. Weights that are not finite
    are not written: they would be what a training is resumed from. (A loss that is not finite
    stops it sooner, see mmdet's ``CheckInvalidLossHook``; but the last step of an epoch can break
    weights at a finite loss.)

    Args:
        max_keep_ckpts: Checkpoints to keep; at least 2, so that one is there while the next is
            written, or -1 for all.
        **kwargs: See mmengine's ``CheckpointHook``. With a ``backend_args`` or
            ``file_client_args``, writing whole files is that backend's affair.

    Raises:
        ValueError: If ``max_keep_ckpts`` is 0 or 1.
    """

    def __init__(self, max_keep_ckpts: int = -1, **kwargs: Any) -> None:
        if max_keep_ckpts in (0, 1):
            raise ValueError(
                f'GuardedCheckpointHook: max_keep_ckpts must be at least 2, got {max_keep_ckpts}: '
                'the oldest checkpoint is removed before the next is written'
            )
        if not kwargs.get('file_client_args') and '://' not in str(kwargs.get('out_dir')):
            kwargs['backend_args'] = kwargs.get('backend_args') or dict(backend=WHOLE_FILES)
        super().__init__(max_keep_ckpts=max_keep_ckpts, **kwargs)

    def before_run(self, runner: Runner) -> None:
        """Have ``--resume`` take the file beside the note; mmengine would take the path in it."""
        if runner._resume and runner._load_from is None:
            path = last_checkpoint(runner.work_dir)
            runner._load_from = path and str(path)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        previous = last_checkpoint(runner.work_dir)
        advice = f'--resume goes on from {previous}' if previous else 'none was written yet'
        broken = _not_finite(runner)
        if broken:
            raise FloatingPointError(
                f'checkpoint {step} not written: {len(broken)} weights are not finite, '
                f'{broken[0]} among them; {advice}, with a lower learning rate perhaps'
            )
        try:
            self._save(runner, step, meta)
        except OSError as error:
            if previous:
                (Path(runner.work_dir) / NOTE).write_text(str(previous), encoding='utf-8')
            raise OSError(
                error.errno,
                f'checkpoint: {self.last_ckpt} cannot be written ({error.strerror}); free space; '
                f'{advice}',
            ) from error

    def _save(self, runner: Runner, step: int, meta: dict) -> None:
        """Save; where the oldest checkpoint cannot be removed, keep it."""
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        except OSError as error:
            if self.max_keep_ckpts < 0 or step in self.keep_ckpt_ids:
                raise
            # Before anything of this step was written; mmengine has struck the oldest off its
            # list, and does not try again.
            runner.logger.warning(f'checkpoint: the oldest one stays, removing it failed: {error}')
            super()._save_checkpoint_with_step(runner, step, meta)


def _not_finite(runner: Runner) -> list[str]:
    """Names of the weights that are not finite."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return [name for name, value in model.named_parameters() if not value.isfinite().all()]
