# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Text files that are there whole or not at all, after a power cut too."""

from __future__ import annotations

import os
from pathlib import Path

from tlpg_mmtrack.errors import InputError
from tlpg_mmtrack.files.written_whole import written_whole


def write_atomically(path: Path, text: str) -> None:
    """Write a text file under a hidden name, then put it in place.

    The text is on the disk before the name appears, so that neither a killed process nor a power
    cut leaves a part of it under the name.

    Args:
        path: File to write; one that is there is replaced.
        text: Its content.

    Raises:
        InputError: If it cannot be written; it names the file and says what to do.
    """
    try:
        with written_whole(path) as part, open(part, 'w', encoding='utf-8') as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f'results: {path} cannot be written ({error.strerror}); free space, or pass another '
            'folder; what was written before is whole, and the same command goes on from it'
        ) from error


def _sync_folder(folder: Path) -> None:
    """Bring a folder's list of files to the disk, where the system can."""
    if not hasattr(os, 'O_DIRECTORY'):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
