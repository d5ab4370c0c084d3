# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What tools/train.py adds to mmengine's training: a quiet console, bfloat16 on a CPU."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmtrack.registry import OPTIM_WRAPPERS
from torch import nn

_FOR_THE_FILE = re.compile(
    r'Config:\n|Hooks will be executed in|paramwise_options -- |"(FileClient|HardDiskBackend)" '
    r'|\S+ is skipped since its requires_grad=False'
)


class TrainingRunner(Runner):
    """mmengine's runner with less on the console.

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


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision on a CPU: bfloat16, which has float32's range and needs no loss scale."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass under autocast."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield
