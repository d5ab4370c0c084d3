# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""An ablation table: AUC and speed measured here, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from reports.files import new_figure, save_figure, write_csv

from tlpg_mmtrack.utils.atomic_write import write_text

from .difference import Difference, mean_scores, paired_difference, video_scores
from .rows import TABLES, AblationRow

NOTE = (
    "The paper's AUC is of its own implementation, on ResNet-50 where no backbone is named, on "
    '200 videos of LaSOT, VOT2018 and OTB2015: an order to compare, not a scale. A gain is the '
    'mean over videos of the difference to the row named, ± its standard error over the videos. '
    'AUC and gains are means over the trainings, of which the deviation is the standard deviation.'
)
COLUMNS = (
    '',
    'config',
    'videos',
    'trainings',
    'AUC',
    'deviation',
    'gain over',
    'frames/s',
    "the paper's AUC",
)
GAIN = ('gain over', 'gain', 'standard error')


@dataclass(frozen=True)
class Evaluation:
    """A row's weights of one training, evaluated.

    Attributes:
        folder: The results folder.
        figures: What :func:`~..peers.harness.run_tracker` gave.
    """

    folder: Path
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """A row of the table, over all of its trainings.

    Attributes:
        row: The row.
        auc: Mean AUC in percent.
        deviation: Standard deviation over the trainings; None of a single one.
        trainings: Their number.
        videos: Least number of videos that a training's figures are of.
        speed: Mean frames per second.
        gain: Over the row below it; None where that is not there.
    """

    row: AblationRow
    auc: float
    deviation: float | None
    trainings: int
    videos: int
    speed: float
    gain: Difference | None


def write_table(
    folder: Path,
    number: int,
    evaluations: Mapping[AblationRow, Sequence[Evaluation]],
    convention: str,
) -> str:
    """Write ``tableN.csv``, ``tableN.md`` and ``tableN.png``.

    Args:
        folder: Where to write.
        number: The table's number in the paper.
        evaluations: Of the rows that were evaluated, one for each training.
        convention: Which of the metric's conventions to show.

    Returns:
        The markdown.

    Raises:
        OSError: If a file cannot be written.
        InputError: If a row has no results.
    """
    rows = measured_rows(number, evaluations, convention)
    _write_csv(folder / f'table{number}.csv', rows, convention)
    lines = [
        f'Table {number}, AUC in percent, convention {convention}.',
        '',
        f'| {" | ".join(COLUMNS)} |',
        '| --- |' + ' --- |' * (len(COLUMNS) - 1),
    ]
    for each in rows:
        row, gain = each.row, each.gain
        cells = (
            row.label,
            f'`{row.config}`',
            each.videos,
            each.trainings,
            f'{each.auc:.1f}',
            '' if each.deviation is None else f'{each.deviation:.1f}',
            f'{gain.mean:+.1f} ± {gain.error:.1f} `{row.below}`' if gain else '',
            f'{each.speed:.1f}',
            '' if row.paper is None else f'{row.paper:.1f}',
        )
        lines.append(f'| {" | ".join(map(str, cells))} |')
    text = '\n'.join([*lines, '', NOTE]) + '\n'
    write_text(folder / f'table{number}.md', text)
    _plot(folder / f'table{number}.png', number, [(each.row, each.auc) for each in rows])
    return text


def measured_rows(
    number: int, evaluations: Mapping[AblationRow, Sequence[Evaluation]], convention: str
) -> list[Measured]:
    """The rows of a table that were evaluated, in the table's order; see :func:`write_table`."""
    key = 'success' if convention == 'mmtrack' else f'{convention}/success'
    rows = [row for row in TABLES[number] if row in evaluations]
    scores = {
        row.config: mean_scores([video_scores(e.folder, convention) for e in evaluations[row]])
        for row in rows
    }
    found = []
    for row in rows:
        figures = [evaluation.figures for evaluation in evaluations[row]]
        aucs = [float(figure[key]) for figure in figures]
        below = scores.get(row.below)
        found.append(
            Measured(
                row,
                auc=float(np.mean(aucs)),
                deviation=float(np.std(aucs, ddof=1)) if len(aucs) > 1 else None,
                trainings=len(aucs),
                videos=int(min(figure['videos'] for figure in figures)),
                speed=float(np.mean([figure['fps'] for figure in figures])),
                gain=below and paired_difference(scores[row.config], below),
            )
        )
    return found


def _write_csv(path: Path, rows: Sequence[Measured], convention: str) -> None:
    write_csv(
        path,
        [
            'row',
            'config',
            'videos',
            'trainings',
            f'{convention} AUC',
            'deviation',
            'frames/s',
            "the paper's AUC",
            *GAIN,
        ],
        [
            [
                each.row.label,
                each.row.config,
                each.videos,
                each.trainings,
                each.auc,
                each.deviation,
                each.speed,
                each.row.paper,
                *(
                    (each.row.below, each.gain.mean, each.gain.error)
                    if each.gain
                    else (None,) * len(GAIN)
                ),
            ]
            for each in rows
        ],
    )


def _plot(path: Path, number: int, measured: list[tuple[AblationRow, float]]) -> None:
    """Both columns as bars, each on its own scale."""
    figure = new_figure(9.0, 1.2 + 0.35 * len(measured))
    left, right = figure.subplots(1, 2, sharey=True)
    labels = [row.label for row, _ in measured]
    columns = [
        (left, 'measured', [auc for _, auc in measured], 'tab:blue'),
        (right, 'the paper, other data', [row.paper for row, _ in measured], 'tab:gray'),
    ]
    for axes, title, values, colour in columns:
        known = [value for value in values if value is not None]
        bars = axes.barh(labels, [value or 0.0 for value in values], color=colour)
        axes.bar_label(bars, ['' if value is None else f'{value:.1f}' for value in values])
        axes.set(title=title, xlabel='AUC, percent')
        # Rows differ by a point or two, so bars do not start at zero; the axis says so.
        if known:
            axes.set_xlim(min(known) - 2, max(known) + 2)
    left.invert_yaxis()
    figure.suptitle(f'Table {number}')
    save_figure(path, figure)
