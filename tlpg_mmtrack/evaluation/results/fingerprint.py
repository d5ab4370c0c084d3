# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A hash that tells whether a video is still the one that was tracked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SIZES = 16
"""Files of a video whose size is looked at; LaSOT's videos alone have 690,000."""


def data_fingerprint(
    images: Sequence[str | Path], annotations: Sequence[np.ndarray] = ()
) -> str | None:
    """Hash of a video's data: all frames' names, some files' sizes, the content of the first.

    A copy of the data has the same; data encoded anew, renumbered or cut have another. Neither
    are all contents read, since benchmarks have hundreds of gigabytes, nor all sizes, since on a
    network disk each may take a millisecond: a single later frame that was replaced goes unnoticed
    unless it is one of ``SIZES``, evenly spread, and of another size.

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
    for path in images:
        digest.update(os.fsencode(os.path.basename(path)) + b'\n')
    for index in np.linspace(0, len(images) - 1, min(SIZES, len(images)), dtype=int):
        digest.update(f'{_size(Path(images[index]))}\n'.encode())
    for values in annotations:
        digest.update(f'{values.dtype} {values.shape}\n'.encode() + values.tobytes())
    return digest.hexdigest()


def _size(path: Path) -> int | None:
    """Bytes of a file; None where it is missing."""
    try:
        return path.stat().st_size
    except OSError:
        return None
