# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The weights that a row of an ablation is evaluated with."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.utils.checkpoint import last_checkpoint, read_weights
from tlpg_mmtrack.utils.errors import InputError

IOU_NET = 'iou_head'


def find_checkpoint(work_dirs: Path, training: str) -> Path | None:
    """The last checkpoint that a training wrote.

    Args:
        work_dirs: Folder of work folders, ``work_dirs`` of tools/train.py.
        training: Name of its config.

    Returns:
        Its path, None where there is none.
    """
    path = last_checkpoint(work_dirs / training)
    return path if path and path.is_file() else None


def assemble(config: Config, checkpoint: Path | None, iou: Path, seed: int) -> dict[str, Tensor]:
    """A row's own weights, and IoU-Net's where the row does not train it.

    Args:
        config: The row's config.
        checkpoint: What its training wrote; None for the weights that it starts from.
        iou: Weights file that has IoU-Net's.
        seed: Seed of the weights that it starts from.

    Raises:
        FileNotFoundError: If a file is not there.
        InputError: If a file cannot be read, or has no weights of IoU-Net.
    """
    if checkpoint is None:
        init_default_scope(config.get('default_scope', 'mmtrack'))
        set_random_seed(seed)
        weights = dict(MODELS.build(config.model).state_dict())
    else:
        weights = read_weights(checkpoint)
    if checkpoint is None or IOU_NET in config.model.get('frozen_modules', ()):
        shared = {
            name: value
            for name, value in read_weights(iou).items()
            if name.startswith(f'{IOU_NET}.')
        }
        if not shared:
            raise InputError(
                f'iou: {iou} has no weights named {IOU_NET}.*; pass what tlpg_efflite0_small_iou '
                'wrote, or the shipped weights'
            )
        weights.update(shared)
    return weights
