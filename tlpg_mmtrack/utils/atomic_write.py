# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Files that are written atomically: a reader finds the old one or the new one, never a part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Have a block write a file under a temporary name; put it in place when the block ends.

    Where the block raises, what was there stays, and the temporary file is removed. The temporary
    name, which it yields, is hidden, and ends in ``.part``, so that what a killed process leaves
    is not taken for a file of the kind.
    """
    part = path.with_name(f'.{path.name}.part')
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, also against a power cut; an InputError if that fails."""
    try:
        with atomic_write(path) as part, open(part, 'w', encoding='utf-8') as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(
            f'results: {path} cannot be written ({error.strerror}); free space, or pass another '
            'folder; what was written before is complete, and the same command goes on from it'
        ) from error
