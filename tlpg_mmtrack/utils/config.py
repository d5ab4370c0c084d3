# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Config files that a user names."""

from __future__ import annotations

import logging
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from .errors import InputError


def read_config(path: str | Path) -> Config:
    """Read a config file; an InputError, which names it, if that fails."""
    if not Path(path).is_file():
        raise InputError(f'config: {path} is not a file; check the path')
    hide_environment_variables()
    try:
        return Config.fromfile(path)
    except Exception as error:  # A config is a program, which can raise anything.
        raise InputError(
            f'config: {path} cannot be read ({type(error).__name__}: {error}); correct it, or '
            'pass one of configs/tlpg'
        ) from error


def hide_environment_variables() -> None:
    """Keep mmengine from saying for every file of a config that it reads ``TLPG_DATA``."""
    MMLogger.get_current_instance().addFilter(_is_no_environment_variable)


def _is_no_environment_variable(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith('Using env variable ')
