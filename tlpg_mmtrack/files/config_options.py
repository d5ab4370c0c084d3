# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Changes to a config that a user names on a command line."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from tlpg_mmtrack.errors import InputError


def change_config(config: Config, changes: Mapping[str, Any] | None) -> None:
    """Change a config in place.

    Args:
        config: The config.
        changes: Values by dotted key, as mmengine's ``DictAction`` reads them; None is none.

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
