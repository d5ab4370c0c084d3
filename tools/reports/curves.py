# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Success, precision and normalised-precision curves of several trackers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpg_mmtrack.evaluation.measures import OnePassScores, get_convention, score_videos
from tlpg_mmtrack.evaluation.measures.one_pass import NORMALISED_THRESHOLDS, PIXEL_THRESHOLDS

from .files import new_figure, save_figure, write_csv
from .runs import Run

FIGURES = (
    'success',
    'precision',
    'norm_precision',
    'norm_precision_auc',
    'average_overlap',
    'success_50',
    'success_75',
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

    Args:
        runs: Runs over the same videos.
        convention: A name of :data:`~tlpg_mmtrack.evaluation.measures.CONVENTIONS`.
        folder: Where to write; made if needed.

    Returns:
        Each run's scores by its name, best success first.

    Raises:
        InputError: If the convention is unknown.
        OSError: If the folder cannot be written to.
    """
    rules = get_convention(convention)
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
