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

#: By the measure that sorts the legend: the title, which names it, and what the thresholds are.
CURVES = {
    'success': ('Success (area under the curve)', 'overlap threshold'),
    'precision': ('Precision (at 20 pixels)', 'centre error threshold, pixels'),
    'norm_precision': ('Normalised precision (at 0.2)', 'centre error threshold, target sizes'),
}


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
    for measure in CURVES:
        _plot(measure, scores, marks, f'{count} videos, convention {convention}', folder)
        values = [getattr(score, f'{measure}_curve') for score in scores.values()]
        columns = np.column_stack([_thresholds(measure, rules.success_bins), *values])
        write_csv(folder / f'{measure}.csv', ['threshold', *scores], columns.tolist())
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


def _thresholds(measure: str, success_bins: int) -> np.ndarray:
    if measure == 'success':
        return np.linspace(0, 1, success_bins)
    return PIXEL_THRESHOLDS if measure == 'precision' else NORMALISED_THRESHOLDS


def _plot(
    measure: str,
    scores: dict[str, OnePassScores],
    marks: dict[str, str],
    note: str,
    folder: Path,
) -> None:
    figure = new_figure(6.4, 4.8)
    axes = figure.add_subplot()
    title, axis = CURVES[measure]
    for name in sorted(scores, key=lambda name: -getattr(scores[name], measure)):
        values = getattr(scores[name], f'{measure}_curve')
        label = f'[{getattr(scores[name], measure):.3f}] {name}{marks[name]}'
        axes.plot(_thresholds(measure, len(values)), values, lw=1.8, label=label)
    axes.set(xlabel=axis, ylabel='share of frames', ylim=(0, 1))
    axes.margins(x=0)
    axes.set_title(f'{title}\n{note}', fontsize='medium')
    axes.grid(alpha=0.3)
    starred = '* not the whole data set' if any(marks.values()) else None
    place = 'lower left' if measure == 'success' else 'lower right'
    axes.legend(loc=place, fontsize='small', title=starred, title_fontsize='x-small')
    save_figure(folder / f'{measure}.png', figure)


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
