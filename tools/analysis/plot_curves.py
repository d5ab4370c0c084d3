# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Plot success, precision and normalised-precision curves of several trackers' results.

Writes into OUT: success, precision and norm_precision, each as .png and .csv (one column a
tracker), and figures.csv. Legends are sorted by the figure in them. All folders must hold the same
videos with the same truth; one whose run left videos out, or has not ended, is named and gets a
star.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from tlpg_tools.command_line import add_convention, command, describe
from tlpg_tools.reports import (
    FIGURES,
    Run,
    load_runs,
    new_figure,
    report_incomplete,
    save_figure,
    write_csv,
)

from tlpg_mmtrack.evaluation.one_pass import (
    CONVENTIONS,
    NORMALISED_THRESHOLDS,
    PIXEL_THRESHOLDS,
    OnePassScores,
    score_videos,
)


@dataclass(frozen=True)
class Curve:
    """What one picture shows.

    Attributes:
        measure: Name of the figure that sorts the legend, of the curve, and of the files.
        title: Title, naming that figure.
        axis: What the thresholds are.
    """

    measure: str
    title: str
    axis: str


CURVES = (
    Curve('success', 'Success (area under the curve)', 'overlap threshold'),
    Curve('precision', 'Precision (at 20 pixels)', 'centre error threshold, pixels'),
    Curve(
        'norm_precision',
        'Normalised precision (at 0.2)',
        'centre error threshold, target sizes',
    ),
)


def plot_curves(runs: Sequence[Run], convention: str, folder: Path) -> dict[str, OnePassScores]:
    """Write ``MEASURE.png`` and ``MEASURE.csv`` of each curve, and ``figures.csv``.

    The figures are shares, 0..1. A run that is not its whole data set is marked with a star.

    Returns:
        Each run's scores by its name, best success first.
    """
    rules = CONVENTIONS[convention]
    folder.mkdir(parents=True, exist_ok=True)
    scores = {run.name: score_videos(list(run.videos.values()), rules) for run in runs}
    scores = dict(sorted(scores.items(), key=lambda item: -item[1].success))
    marks = {run.name: ' *' if run.incomplete else '' for run in runs}
    count = len(runs[0].videos)
    for curve in CURVES:
        _plot(curve, scores, marks, f'{count} videos, convention {convention}', folder)
        thresholds = _thresholds(curve, rules.success_bins)
        values = [getattr(score, f'{curve.measure}_curve') for score in scores.values()]
        write_csv(
            folder / f'{curve.measure}.csv',
            ['threshold', *scores],
            np.column_stack([thresholds, *values]).tolist(),
        )
    write_csv(
        folder / 'figures.csv',
        ['tracker', 'convention', 'videos', 'incomplete', *FIGURES],
        [
            [name, convention, count, 'yes' if marks[name] else 'no']
            + [getattr(score, figure) for figure in FIGURES]
            for name, score in scores.items()
        ],
    )
    return scores


def _thresholds(curve: Curve, success_bins: int) -> np.ndarray:
    if curve.measure == 'success':
        return np.linspace(0, 1, success_bins)
    return PIXEL_THRESHOLDS if curve.measure == 'precision' else NORMALISED_THRESHOLDS


def _plot(
    curve: Curve,
    scores: dict[str, OnePassScores],
    marks: dict[str, str],
    note: str,
    folder: Path,
) -> None:
    figure = new_figure(6.4, 4.8)
    axes = figure.add_subplot()
    for name in sorted(scores, key=lambda name: -getattr(scores[name], curve.measure)):
        values = getattr(scores[name], f'{curve.measure}_curve')
        label = f'[{getattr(scores[name], curve.measure):.3f}] {name}{marks[name]}'
        axes.plot(_thresholds(curve, len(values)), values, lw=1.8, label=label)
    axes.set(xlabel=curve.axis, ylabel='share of frames', ylim=(0, 1))
    axes.margins(x=0)
    axes.set_title(f'{curve.title}\n{note}', fontsize='medium')
    axes.grid(alpha=0.3)
    starred = '* not the whole data set' if any(marks.values()) else None
    place = 'lower left' if curve.measure == 'success' else 'lower right'
    axes.legend(loc=place, fontsize='small', title=starred, title_fontsize='x-small')
    save_figure(folder / f'{curve.measure}.png', figure)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(
        __doc__,
        'tools/analysis/plot_curves.py work_dirs/compare/tlpg work_dirs/compare/csrt '
        '--out outputs/curves',
    )
    parser.add_argument(
        'results',
        nargs='+',
        type=Path,
        help='results folders: work_dirs/NAME/results of tools/test.py, or OUT/TRACKER of '
        'tools/compare.py; the folder is the name in the legend',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    add_convention(parser)
    args = parser.parse_args(arguments)
    runs = load_runs(args.results)
    scores = plot_curves(runs, args.convention, args.out)
    report_incomplete(runs)
    print(f'convention {args.convention}, {len(runs[0].videos)} videos, percent')
    for name, score in scores.items():
        print(
            f'{100 * score.success:6.2f} success  {100 * score.precision:6.2f} precision  '
            f'{100 * score.norm_precision:6.2f} normalised precision  {name}'
        )


if __name__ == '__main__':
    sys.exit(main())
