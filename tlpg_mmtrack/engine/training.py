# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What mmengine's training lacks here: a quiet console, a check for no data, bfloat16 on a CPU."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmtrack.registry import LOOPS, OPTIM_WRAPPERS
from torch import nn

from tlpg_mmtrack.utils.errors import InputError

_FOR_THE_FILE = re.compile(
    r'Config:\n|Hooks will be executed in|paramwise_options -- |"(FileClient|HardDiskBackend)" '
    r'|\S+ is skipped since its requires_grad=False'
)


class TrainingRunner(Runner):
    """mmengine's runner for tools/train.py.

    The thousand lines that mmengine prints before the first loss, of the config, its hooks and
    every parameter's learning rate, go to the log file alone.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build mmengine's logger, whose console leaves out what the file has."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: not _FOR_THE_FILE.match(record.getMessage()))
        logger.info(f'The config and all else that is not shown here: {logger.log_file}')
        return logger


@LOOPS.register_module()
class NonEmptyEpochLoop(EpochBasedTrainLoop):
    """mmengine's training by epochs, refused at once where they have no iteration.

    With ``drop_last`` that is what fewer samples than a batch come to: mmengine would write
    checkpoints of untrained weights, and report success. A hook comes too late: a schedule with
    ``convert_to_iter_based`` has failed before, without a word about the data.

    Raises:
        InputError: If the data loader gives no batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(loader := self.dataloader) == 0:
            raise InputError(
                f'train_dataloader: no batch an epoch: {len(loader.sampler)} samples, batch_size '
                f'{loader.batch_size}, drop_last {loader.drop_last}; add data, or set a smaller '
                'batch_size'
            )


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision on a CPU: bfloat16, which has float32's range and needs no loss scale.

    It is what ``--amp`` of tools/train.py means where there is no GPU.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass under autocast."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield
