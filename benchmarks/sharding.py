#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""How evenly a benchmark's frames are spread over the processes of a test.

A test is over when its busiest process is. Printed is the number of frames of that process as a
multiple of the mean: for mmtrack's `VideoSampler`, which gives each process the same number of
videos in their order, and for `ResumableTestLoop`, which spreads them by length. It is computed
from the videos' lengths in the package's lists; nothing is tracked.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common import command, describe

# isort: split
import numpy as np
from tlpg_tools.prepare_dataset import read_names

from tlpg_mmtrack.evaluation.resumable_test_loop import spread

BENCHMARKS = ('otb100', 'uav123')


def lengths(benchmark: str) -> list[int]:
    """Frames of each video of a benchmark, in its order."""
    return [int(last) - int(first) + 1 for *_, first, last in read_names(f'{benchmark}.txt')]


def imbalance(frames: Sequence[int], shares: Sequence[Sequence[int]]) -> float:
    """Frames of the busiest share as a multiple of the mean.

    Args:
        frames: Frames of each video.
        shares: For each process the positions of its videos.
    """
    loads = [sum(frames[index] for index in share) for share in shares]
    return max(loads) / (sum(frames) / len(shares))


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(__doc__)
    parser.add_argument(
        '--processes', type=int, nargs='+', default=[4, 8, 16], help='(default: 4 8 16)'
    )
    args = parser.parse_args(arguments)
    print(f'{"benchmark":10s} {"processes":>9s} {"VideoSampler":>13s} {"here":>6s}')
    for benchmark in BENCHMARKS:
        frames = lengths(benchmark)
        for processes in args.processes:
            theirs = np.array_split(range(len(frames)), processes)
            ours = spread(frames, processes)
            print(
                f'{benchmark:10s} {processes:9d} {imbalance(frames, theirs):13.2f} '
                f'{imbalance(frames, ours):6.2f}'
            )


if __name__ == '__main__':
    sys.exit(main())
