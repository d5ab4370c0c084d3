# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Have a block write a file under a temporary name; put it in place when the block ends.

    Args:
        path: File to write; one that is there is replaced. Where the block raises, it stays, and
            the temporary file is removed.

    Yields:
        The temporary name: hidden, in the same folder. It ends in ``.part``, so that what a killed
        process leaves is not taken for a file of the kind.
    """
    part = path.with_name(f'.{path.name}.part')
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
