# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Plot the loss and its terms, and validations if there were any, over a training's iterations.

Writes into OUT, for each work folder: NAME.png and NAME.csv, NAME being the folder's. Runs that
were resumed are one curve. docs/training.md says how to validate while training.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tlpg_tools.command_line import command, describe
from tlpg_tools.reports import new_figure, save_figure, write_csv

from tlpg_mmtrack.utils.errors import InputError

Curve = dict[int, float]
"""Values by the iteration that they were logged at."""


@dataclass(frozen=True)
class TrainingCourse:
    """What the logs of one work folder say."""

    losses: dict[str, Curve]  #: The total and its terms, by name; means over the logger's window.
    #: Figures of the validations, by name, such as ``sot/success``. An iteration is the last one
    #: that was logged before the validation.
    figures: dict[str, Curve]


def load_training(work_dir: Path) -> TrainingCourse:
    """Read the logs of a training, also of one that was resumed.

    Args:
        work_dir: What was given as ``--work-dir``.

    Raises:
        InputError: If it holds no log with a loss; names the folder.
    """
    losses: dict[str, Curve] = {}
    figures: dict[str, Curve] = {}
    iteration = 0
    for entry in _entries(work_dir):
        # The loss and its terms, or what an evaluator named; not rates, times or memory.
        curves, mark = (losses, 'loss') if 'loss' in entry else (figures, '/')
        iteration = entry.get('iter', iteration)
        for name in (name for name in entry if mark in name):
            # What was done again after an interruption replaces what was lost by it.
            curves.setdefault(name, {})[iteration] = entry[name]
    if not losses:
        raise InputError(
            f'{work_dir} holds no log of a training; pass what tools/train.py was given as '
            '--work-dir (work_dirs/NAME by default)'
        )
    return TrainingCourse(losses, figures)


def _entries(work_dir: Path) -> Iterator[dict]:
    """Lines of every run's log, in order; the folders are named by the time they started at."""
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                # The last line of a run that was killed.
                continue


def plot_training(name: str, course: TrainingCourse, folder: Path) -> list[Path]:
    """Write ``NAME.png``, the losses and below them the validations, and ``NAME.csv``; both."""
    folder.mkdir(parents=True, exist_ok=True)
    # The terms are of very different size; IoU-Net's in PrDiMP may be negative.
    positive = all(value > 0 for curve in course.losses.values() for value in curve.values())
    panels = [('loss', course.losses, '', 'log' if positive else 'linear')]
    if course.figures:
        panels.append(('validation, percent', course.figures, 'o', 'linear'))
    figure = new_figure(8.0, 3.2 * len(panels))
    all_axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axes, (label, curves, marker, scale) in zip(all_axes, panels, strict=True):
        for key, curve in curves.items():
            axes.plot(*zip(*sorted(curve.items()), strict=True), marker=marker, lw=1.4, label=key)
        axes.set_ylabel(label)
        axes.set_yscale(scale)
        axes.grid(alpha=0.3)
        axes.legend(fontsize='x-small', loc='center left', bbox_to_anchor=(1, 0.5))
    all_axes[0].set_title(name, fontsize='medium')
    all_axes[-1].set_xlabel('iteration')
    picture, table = folder / f'{name}.png', folder / f'{name}.csv'
    save_figure(picture, figure)
    write_csv(table, *_table({**course.losses, **course.figures}))
    return [picture, table]


def _table(curves: dict[str, Curve]) -> tuple[list[str], list[list]]:
    """Header and rows: one iteration a row, empty where a curve has no value."""
    iterations = sorted(set().union(*curves.values()))
    rows = [[step, *(curve.get(step, '') for curve in curves.values())] for step in iterations]
    return ['iteration', *curves], rows


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(
        __doc__,
        'tools/analysis/plot_training.py work_dirs/tlpg_efflite0_small_joint --out outputs/curves',
    )
    parser.add_argument(
        'work_dirs',
        nargs='+',
        type=Path,
        help='work folders of tools/train.py, work_dirs/NAME by default',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    args = parser.parse_args(arguments)
    courses = {path.resolve().name: load_training(path) for path in args.work_dirs}
    for name, course in courses.items():
        picture, _ = plot_training(name, course, args.out)
        print(picture)


if __name__ == '__main__':
    sys.exit(main())
