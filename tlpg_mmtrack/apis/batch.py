# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Many videos at once, a process for each core."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import InputError

Tracked = list[TrackingResult] | InputError

# Of a worker process: its tracker.
_worker: dict[str, Any] = {}


def track_videos(
    videos: Iterable[tuple[str | Path, Any]], workers: int | None = None, **pretrained: Any
) -> Iterator[Tracked]:
    """Track one object in each of many videos, several videos at a time.

    A script calls it below ``if __name__ == '__main__':``, as processes are started anew.

    Args:
        videos: Pairs of a source, as :func:`~.frames.open_source` takes it, and the box
            (x, y, width, height) in its first frame.
        workers: Number of processes, of one thread each; one for each core if None.
        pretrained: As :meth:`Tracker.from_pretrained` takes it.

    Yields:
        For each video, in order: a result for each frame, or the error that says why it cannot be
        tracked.

    Example:
        >>> for results in track_videos([('a.mp4', (62, 36, 53, 65)), ('b.mp4', (10, 8, 30, 20))]):
        ...     print(len(results))
    """
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(
        workers or os.cpu_count(), context, initializer=_start, initargs=(pretrained,)
    ) as pool:
        yield from pool.map(_track_video, videos)


def _start(pretrained: dict[str, Any]) -> None:
    import torch

    from .tracker import Tracker

    torch.set_num_threads(1)
    _worker['tracker'] = Tracker.from_pretrained(**pretrained)


def _track_video(video: tuple[str | Path, Any]) -> Tracked:
    from tlpg_mmtrack.utils.frames import open_source

    source, box = video
    tracker = _worker['tracker']
    results = []
    try:
        for _, frame in open_source(source):
            if results:
                results.append(tracker.track(frame))
                continue
            if frame is None:
                raise InputError(f'source: the first frame of {source} is corrupt; leave it out')
            tracker.init(frame, box)
            first = np.array(box, dtype=np.float64)
            results.append(TrackingResult(first, 1.0, TrackingState.NORMAL))
    except InputError as error:
        return InputError(f'{source}: {error}')
    return results
