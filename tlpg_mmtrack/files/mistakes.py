# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the user of a command can mend, in one line instead of a traceback."""

from __future__ import annotations

import traceback
from pickle import UnpicklingError


def explain(error: Exception) -> str | None:
    """Say what a user can do about an error that a training or a test ended with.

    Args:
        error: What mmtrack's tool raised.

    Returns:
        One line: what is wrong, the fix where it is known, and where it was raised. None where it
        is rather a mistake in code, whose traceback is wanted.
    """
    text = ' '.join(str(error).split('\n\n')[0].split())
    if isinstance(error, (UnpicklingError, EOFError)) or 'PytorchStreamReader' in text:
        first = text.partition('. ')[0]
        fix = (
            'a checkpoint (load_from, or the one that --resume takes from last_checkpoint) is '
            'truncated or none; name a whole one, such as that of the epoch before'
        )
        return f'{fix} ({first})'
    if 'DataLoader worker' in text:
        return f'{text}; --resume goes on from the last checkpoint'
    if isinstance(error, ModuleNotFoundError):
        return f'{text}; the config needs a package that is not installed'
    if not text or not isinstance(error, (OSError, ValueError, AssertionError, Warning)):
        return None
    if isinstance(error, FileNotFoundError):
        text += (
            '; check the path. Data are below the folder that TLPG_DATA names (docs/data.md), or '
            "where the config's data_root says"
        )
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = ''.join(f' ({each.filename}:{each.lineno})' for each in frame)
    return text + place
