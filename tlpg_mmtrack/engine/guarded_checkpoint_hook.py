# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Checkpoints of which the last good one outlives a full disk and broken weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmtrack.registry import HOOKS


@HOOKS.register_module()
class GuardedCheckpointHook(CheckpointHook):
    """mmengine's checkpoints, of finite weights only, each whole or not there.

    mmengine removes the oldest checkpoint before it writes the next, writes that in place, and
    notes its name in ``last_checkpoint``, which ``--resume`` reads. Where the disk is full it
    leaves half a file and perhaps an empty note; here both are put right, and the error says what
    training can go on from. Weights that are not finite are not written: they would be what a
    training is resumed from. (A loss that is not finite stops it sooner, see mmdet's
    ``CheckInvalidLossHook``; but the last step of an epoch can break weights at a finite loss.)

    Args:
        max_keep_ckpts: Checkpoints to keep; at least 2, so that one is there while the next is
            written, or -1 for all.
        **kwargs: See mmengine's ``CheckpointHook``.

    Raises:
        ValueError: If ``max_keep_ckpts`` is 0 or 1.
    """

    def __init__(self, max_keep_ckpts: int = -1, **kwargs: Any) -> None:
        if max_keep_ckpts in (0, 1):
            raise ValueError(
                f'GuardedCheckpointHook: max_keep_ckpts must be at least 2, got {max_keep_ckpts}: '
                'the oldest checkpoint is removed before the next is written'
            )
        super().__init__(max_keep_ckpts=max_keep_ckpts, **kwargs)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        note = Path(runner.work_dir) / 'last_checkpoint'
        previous = note.read_text(encoding='utf-8') if note.is_file() else ''
        advice = f'--resume goes on from {previous}' if previous else 'none was written yet'
        broken = _not_finite(runner)
        if broken:
            raise FloatingPointError(
                f'checkpoint {step} not written: {len(broken)} weights are not finite, '
                f'{broken[0]} among them; {advice}, with a lower learning rate perhaps'
            )
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        except OSError as error:
            Path(self.last_ckpt).unlink(missing_ok=True)
            if previous:
                note.write_text(previous, encoding='utf-8')
            raise OSError(
                error.errno,
                f'checkpoint: {self.last_ckpt} cannot be written ({error.strerror}); free space; '
                f'{advice}',
            ) from error


def _not_finite(runner: Runner) -> list[str]:
    """Names of the weights that are not finite."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return [name for name, value in model.named_parameters() if not value.isfinite().all()]
