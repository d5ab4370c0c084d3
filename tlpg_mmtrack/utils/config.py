# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Config files that a user names, and changes to them from a command line."""

from __future__ import annotations

import argparse
import logging
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from .errors import InputError


def read_config(path: str | Path) -> Config:
    """Read a config file.

    Raises:
        InputError: If there is no such file, or it cannot be read; names it and what is wrong.
    """
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


def change_config(config: Config, changes: Mapping[str, Any] | None) -> None:
    """Change values of a config in place, given by dotted key as mmengine's ``DictAction`` does.

    Raises:
        InputError: If one does not fit the config; names its key.
    """
    for key, value in (changes or {}).items():
        try:
            config.merge_from_dict({key: value})
        except (AttributeError, KeyError, TypeError) as error:
            # mmengine quotes the whole list that an index is not of.
            reason = textwrap.shorten(str(error), 120)
            raise InputError(
                f'cfg-options: {key} does not fit {config.filename} ({reason}); check the key'
            ) from error


def key_value(text: str) -> str:
    """Check one of a command's ``--cfg-options``, for argparse's ``type``.

    mmengine's ``DictAction`` ends on one without ``=`` with a traceback.

    Raises:
        argparse.ArgumentTypeError: If it is not ``KEY=VALUE``.
    """
    if '=' not in text:
        raise argparse.ArgumentTypeError(f'expected KEY=VALUE, got {text!r}')
    return text
