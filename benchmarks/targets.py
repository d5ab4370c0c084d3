#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measure what several targets cost: 1 to 16, against as many single trackers.

`several` is MultiTracker, `single` one Tracker for each target with a model of its own; they take
turns frame by frame, so that a busy machine hits both alike. `one lost` is MultiTracker again,
with one more target that is never found; `half lost` with as many more. `backbone` is the time of
backbone and neck, each crop alone and all of them in one batch: what batching could save. Medians,
in ms for each target that is found (or crop). The clip is the one of `make demo`, 640 x 480.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

from common import command, demo_frames, describe, machine, wait

# isort: split
import cv2
import numpy as np
import torch

from tlpg_mmtrack import MultiTracker, Tracker

SIDE = 80


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each number of targets."""
    parser = describe(__doc__, 'benchmarks/targets.py --frames 20')
    parser.add_argument('--frames', type=int, default=20, help='(default: %(default)s)')
    parser.add_argument('--targets', type=int, nargs='+', default=[1, 2, 4, 8, 16])
    args = parser.parse_args(arguments)
    frames, _ = demo_frames(args.frames + 1)
    print(f'{machine(torch.get_num_threads())}; ms for each target')
    print('targets  several  single  one lost  half lost  backbone alone  in one batch')
    for count in args.targets:
        tracking = compare_trackers(frames, count)
        backbone = compare_batches(count)
        print(f'{count:7}' + '{:9.1f}{:8.1f}{:10.1f}{:11.1f}'.format(*tracking), end='')
        print('{:16.1f}{:14.1f}'.format(*backbone), flush=True)


def compare_trackers(frames: list[np.ndarray], count: int) -> list[float]:
    """Medians of several, single, one lost and half lost; ms for each target that is found."""
    boxes = {n: (20 + 150 * (n % 4), 20 + 110 * (n // 4), SIDE, SIDE) for n in range(count)}
    several, one_lost, half_lost = (MultiTracker.from_pretrained() for _ in range(3))
    several.init(frames[0], boxes)
    single = [Tracker.from_pretrained() for _ in boxes]
    for tracker, box in zip(single, boxes.values(), strict=True):
        tracker.init(frames[0], box)
    for tracker, lost in ((one_lost, 1), (half_lost, count)):
        tracker.init(frames[0], boxes)
        tracker.add(
            with_patch(frames[0]), {f'lost {n}': (280, 200, SIDE, SIDE) for n in range(lost)}
        )

    def track_single(frame: np.ndarray) -> None:
        for tracker in single:
            tracker.track(frame)

    calls = [several.track, track_single, one_lost.track, half_lost.track]
    return turns(calls, frames[1:], count)


def with_patch(frame: np.ndarray) -> np.ndarray:
    """A frame with something in its middle that no other frame has."""
    frame = frame.copy()
    noise = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
    frame[200 : 200 + SIDE, 280 : 280 + SIDE] = cv2.resize(noise, (SIDE, SIDE))
    return frame


@torch.inference_mode()
def compare_batches(count: int) -> list[float]:
    """Medians of backbone and neck, each crop alone and all in one batch; ms for each crop."""
    model = Tracker.from_pretrained().model
    side = model.options.crop_size
    device = next(model.parameters()).device
    crops = torch.zeros((count, 3, side, side), dtype=torch.uint8, device=device)

    def alone(crops: torch.Tensor) -> None:
        for crop in crops.split(1):
            model.extract(crop)

    return turns([alone, model.extract], [crops] * 10, count)


def turns(calls: list[Callable], inputs: Sequence, count: int) -> list[float]:
    """Median time of each call, in ms, divided by ``count``; the first two inputs warm up."""
    times = [[] for _ in calls]
    for call_input in inputs:
        for call, spent in zip(calls, times, strict=True):
            started = time.perf_counter()
            call(call_input)
            wait('cuda' if torch.cuda.is_available() else 'cpu')
            spent.append(time.perf_counter() - started)
    return [1e3 * statistics.median(spent[2:]) / count for spent in times]


if __name__ == '__main__':
    sys.exit(main())
