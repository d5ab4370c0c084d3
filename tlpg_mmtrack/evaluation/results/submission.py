# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Files that the servers of GOT-10k and TrackingNet accept."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.errors import InputError

from .folder import VideoResult

SUBMISSIONS = ('got10k', 'trackingnet')
#: A time that no clock is too coarse for; the server divides by it.
_SHORTEST_TIME = 1e-8


def write_submission(kind: str, path: Path, results: Iterable[VideoResult]) -> None:
    """Write an archive to submit, whole or not at all.

    Args:
        kind: ``'got10k'``: for each video ``V/V_001.txt`` with x,y,w,h of each frame and
            ``V/V_time.txt`` with the seconds that it took. ``'trackingnet'``: ``V.txt`` with
            x,y,w,h of each frame.
        path: File to write, ending in ``.zip``.
        results: Results of one-pass runs.

    Raises:
        InputError: If ``kind`` is neither.
    """
    if kind not in SUBMISSIONS:
        raise InputError(f'submission: must be one of {SUBMISSIONS}, got {kind!r}')
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic_write(path) as part,
        zipfile.ZipFile(part, 'w', zipfile.ZIP_DEFLATED) as archive,
    ):
        for result in results:
            boxes = ''.join(f'{_numbers(region)}\n' for region in result.regions)
            if kind == 'trackingnet':
                archive.writestr(f'{result.name}.txt', boxes)
                continue
            times = (f'{max(time, _SHORTEST_TIME):.8f}\n' for time in result.times)
            archive.writestr(f'{result.name}/{result.name}_001.txt', boxes)
            archive.writestr(f'{result.name}/{result.name}_time.txt', ''.join(times))


def _numbers(region: list[float]) -> str:
    """(x1, y1, x2, y2) as x,y,w,h."""
    x1, y1, x2, y2 = region
    return f'{x1:.4f},{y1:.4f},{x2 - x1:.4f},{y2 - y1:.4f}'
