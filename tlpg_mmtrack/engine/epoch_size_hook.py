# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""No training on nothing."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmtrack.registry import HOOKS


@HOOKS.register_module()
class EpochSizeHook(Hook):
    """Refuse a training whose epochs have no iteration.

    With ``drop_last`` that is what fewer samples than a batch come to: mmengine would count the
    epochs, write checkpoints of untrained weights, and report success.
    """

    def before_train(self, runner: Runner) -> None:
        """Look at the data loader.

        Raises:
            ValueError: If it gives no batch.
        """
        loader = runner.train_dataloader
        if len(loader) == 0:
            raise ValueError(
                f'train_dataloader: no batch an epoch: {len(loader.sampler)} samples, batch_size '
                f'{loader.batch_size}, drop_last {loader.drop_last}; add data, or set a smaller '
                'batch_size'
            )
