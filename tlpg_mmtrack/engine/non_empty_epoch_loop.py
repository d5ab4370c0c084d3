# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""No training on nothing."""

from __future__ import annotations

from typing import Any

from mmengine.runner import EpochBasedTrainLoop
from mmtrack.registry import LOOPS

from tlpg_mmtrack.utils.errors import InputError


@LOOPS.register_module()
class NonEmptyEpochLoop(EpochBasedTrainLoop):
    """mmengine's training by epochs, refused at once where they have no iteration.

    With ``drop_last`` that is what fewer samples than a batch come to: mmengine would count the
    epochs, write checkpoints of untrained weights, and report success. No hook can refuse it in
    time: mmengine builds the schedules before it calls the first one, and a schedule with
    ``convert_to_iter_based`` fails on an empty epoch without a word about the data.

    Args:
        *args: See mmengine's ``EpochBasedTrainLoop``.
        **kwargs: Likewise.

    Raises:
        InputError: If the data loader gives no batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        loader = self.dataloader
        if len(loader) == 0:
            raise InputError(
                f'train_dataloader: no batch an epoch: {len(loader.sampler)} samples, batch_size '
                f'{loader.batch_size}, drop_last {loader.drop_last}; add data, or set a smaller '
                'batch_size'
            )
