# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A hash that tells whether a video is still the one that was tracked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def data_fingerprint(
    images: Sequence[str | Path], annotations: Sequence[np.ndarray] = ()
) -> str | None:
    """Hash of a video's data: names and sizes of all frames' files, the content of the first.

    A copy of the data has the same. Not all contents are read, since benchmarks have hundreds of
    gigabytes: a later frame that was replaced by one of as many bytes goes unnoticed.

    Args:
        images: The frames' files, in order.
        annotations: What else belongs to the video, such as its true boxes.

    Returns:
        SHA-256 in hexadecimal; None where the first frame cannot be read, as after the data were
        removed, so that there is nothing to tell by.
    """
    try:
        digest = hashlib.sha256(Path(images[0]).read_bytes())
    except OSError:
        return None
    for path in map(Path, images):
        digest.update(os.fsencode(path.name) + f' {_size(path)}\n'.encode())
    for values in annotations:
        digest.update(f'{values.dtype} {values.shape}\n'.encode() + values.tobytes())
    return digest.hexdigest()


def _size(path: Path) -> int | None:
    """Bytes of a file; None where it is missing."""
    try:
        return path.stat().st_size
    except OSError:
        return None
