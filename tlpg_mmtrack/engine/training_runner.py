# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A training whose console shows what a person reads; its log file has all of it."""

from __future__ import annotations

import logging
import re
from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import Runner

_FOR_THE_FILE = re.compile(
    r'Config:\n|Hooks will be executed in|paramwise_options -- |"(FileClient|HardDiskBackend)" '
    r'|\S+ is skipped since its requires_grad=False'
)


class TrainingRunner(Runner):
    """mmengine's runner for tools/train.py.

    mmengine prints over a thousand lines before the first loss: the config, its hooks, and every
    parameter's learning rate or that it has none. They go to the log file alone, so that what was
    left out of the data can be seen.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build mmengine's logger, whose console leaves out what the file has."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_for_people)
        logger.info(f'The config and all else that is not shown here: {logger.log_file}')
        return logger


def _is_for_people(record: logging.LogRecord) -> bool:
    return _FOR_THE_FILE.match(record.getMessage()) is None
