#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measure how time and memory grow: with frames, memory, crop, filter and number of targets.

Each setting tracks the demo's clip, run forwards and backwards for as long as it takes, with the
shipped weights (for another filter than theirs, untrained heads) and otherwise as configured.
Every frame counts as a sure find, so that all do the same work. Printed are the median
milliseconds of a frame without learning, what an iteration of it adds, the first frame's, and what
one target keeps, in MiB. `law` is the growth that is expected of the column beside it.

frames    The time of a frame after so many; nothing should grow.
memory    Tracked frames kept: an iteration reads them and the first frame's 33 crops.
crop      Side in pixels: area.
filter    Points of the deformable filter: an iteration samples each.
targets   Objects tracked in the same video: each has its own crop, models and memory.

The settings take turns where they can, so that a busy machine slows down all alike. With --out the
measured and expected values are plotted there, one panel each.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import (
    add_names,
    add_threads,
    build,
    command,
    demo_frames,
    describe,
    machine,
    shipped,
    shipped_tracker,
)

# isort: split
import numpy as np
import torch
from tlpg_tools.reports import new_figure, save_figure
from track import ALWAYS_FOUND

from tlpg_mmtrack.models.torchscript import tensors_of
from tlpg_mmtrack.models.trackers import TLPG, TargetState

FIRST_CROPS = 33
# So that frames with and without an iteration of learning are as many.
OPTIONS = dict(ALWAYS_FOUND, update_interval=8)


@dataclass
class Setting:
    """One row."""

    value: int  #: What is varied.
    law: float  #: What an iteration, or else a frame, should be proportional to.
    model: TLPG  #: The tracker.
    targets: int = 1  #: Objects in each frame.
    fill: int = 4  #: Frames tracked before the measured ones.
    #: Of the first frame, of frames without learning, and of frames with it.
    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {'first': [], 'frame': [], 'learning': []}
    )
    mebibytes: float = 0.0  #: What one target keeps.

    def run(self, frames: Sequence[np.ndarray], box: np.ndarray, count: int) -> Iterator[None]:
        """Track; yields after every measured frame, so that settings can take turns."""
        begin = time.perf_counter()
        states = [self.model.start(frames[0], box) for _ in range(self.targets)]
        self.seconds['first'].append(time.perf_counter() - begin)
        turns = itertools.cycle([*frames, *reversed(frames)])
        for index, frame in enumerate(itertools.islice(turns, self.fill + count)):
            learning = len(states[0].due)
            begin = time.perf_counter()
            for state in states:
                self.model.step(frame, state)
            spent = time.perf_counter() - begin
            # An iteration was taken from what was due, or from what this frame made due.
            learned = learning or states[0].due
            if index >= self.fill:
                self.seconds['learning' if learned else 'frame'].append(spent)
                yield
        self.mebibytes = kept(states[0]) / 2**20


def kept(target: TargetState) -> int:
    """Bytes of the tensors that a target keeps."""
    tensors = [*target.modulation]
    tensors += () if target.template is None else tensors_of(target.template)
    for stage in target.stages:
        tensors += [*tensors_of(stage.model), *tensors_of(stage.memory.samples)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def tracker(test_cfg: dict[str, Any], kernel_size: int | None = None) -> TLPG:
    """The shipped tracker with other options; with another filter, its heads are untrained."""
    if kernel_size is None:
        return shipped_tracker(**test_cfg, **OPTIONS).model
    config = shipped(**test_cfg, **OPTIONS)
    for head in (config.model.head, config.model.refiner.head):
        head.kernel_size = kernel_size
    model = build(config.model)
    model.warm_up()
    return model


def settings(what: str, most: int) -> list[Setting]:
    """The rows of one table."""
    if what == 'frames':
        counts = [value for value in (10, 100, 1000, 5000, 20000) if value <= most]
        return [Setting(value, 1.0, tracker({}), fill=value) for value in counts]
    if what == 'memory':
        return [
            Setting(value, FIRST_CROPS + value, tracker(dict(memory_size=value)), fill=value)
            for value in (10, 50, 100, 250)
        ]
    if what == 'crop':
        return [
            Setting(value, value**2, tracker(dict(crop_size=value)))
            for value in (192, 256, 320, 384)
        ]
    if what == 'filter':
        return [Setting(value, value**2, tracker({}, value)) for value in (3, 5, 7)]
    model = tracker({})
    return [Setting(value, value, model, targets=value) for value in (1, 2, 4, 8)]


def report(what: str, rows: Sequence[Setting]) -> list[tuple[float, float]]:
    """Print one table; returns measured and expected growth."""
    kind = 'iteration' if what in ('memory', 'filter') else 'frame'
    columns = ('frame', 'iteration', 'first', 'MiB', f'{kind} x', 'law x')
    print(f'\n{what:8s}' + ''.join(f' {column:>11s}' for column in columns))
    medians = [{key: median(values) for key, values in row.seconds.items()} for row in rows]
    growth = []
    for row, times in zip(rows, medians, strict=True):
        times['iteration'] = times['learning'] - times['frame']
        growth.append((times[kind] / medians[0][kind], row.law / rows[0].law))
        cells = [1e3 * times[key] for key in ('frame', 'iteration', 'first')]
        cells += [row.mebibytes, *growth[-1]]
        print(f'{row.value:8d}' + ''.join(f' {cell:11.2f}' for cell in cells))
    return growth


def median(values: Sequence[float]) -> float:
    """The median; NaN of nothing."""
    return float(np.median(values)) if values else float('nan')


def plot(
    tables: dict[str, tuple[Sequence[Setting], list[tuple[float, float]]]], out: Path
) -> None:
    """Measured growth beside the law."""
    figure = new_figure(3.2 * len(tables), 3.0)
    for axes, (what, (rows, growth)) in zip(
        np.atleast_1d(figure.subplots(1, len(tables))), tables.items(), strict=True
    ):
        values = [row.value for row in rows]
        measured, expected = zip(*growth, strict=True)
        axes.plot(values, measured, 'o-', label='measured')
        axes.plot(values, expected, 'k:', label='law')
        axes.set(xlabel=what, ylabel='times the first', ylim=(0, None))
        axes.legend(fontsize='small')
    save_figure(out, figure)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    names = ('frames', 'memory', 'crop', 'filter', 'targets')
    parser = describe(__doc__)
    add_names(parser, names)
    parser.add_argument('--count', type=int, default=60, help='frames (default: %(default)s)')
    parser.add_argument('--most', type=int, default=20000, help='of frames (default: %(default)s)')
    add_threads(parser, 1)
    parser.add_argument('--out', type=Path, help='picture to write, .png')
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    frames, box = demo_frames(120)
    print(machine(args.threads))
    tables = {}
    for what in args.what:
        rows = settings(what, args.most)
        # The rows take turns, each up to so many measured frames.
        for _ in itertools.zip_longest(*(row.run(frames, box, args.count) for row in rows)):
            pass
        tables[what] = rows, report(what, rows)
    if args.out is not None:
        plot(tables, args.out)


if __name__ == '__main__':
    sys.exit(main())
