# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""An ablation table: AUC and speed measured here, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..analysis.files import new_figure, save_figure, write_csv
from ..results.atomic import write_atomically
from .difference import Difference, paired_difference, video_scores
from .rows import TABLES, AblationRow

Figures = Mapping[AblationRow, Mapping[str, float]]

NOTE = (
    "The paper's AUC is of its own implementation, on ResNet-50 where no backbone is named, on "
    '200 videos of LaSOT, VOT2018 and OTB2015: an order to compare, not a scale. A gain is the '
    'mean over videos of the difference to the row named, ± its standard error over the videos.'
)
GAIN = ('gain over', 'gain', 'standard error')


def write_table(folder: Path, number: int, figures: Figures, convention: str) -> str:
    """Write ``tableN.csv``, ``tableN.md`` and ``tableN.png``.

    Args:
        folder: Where to write; each row's results are in a folder of its config's name there.
        number: The table's number in the paper.
        figures: What :func:`~..peers.harness.run_tracker` gave, of the rows that were evaluated.
        convention: Which of its conventions to show.

    Returns:
        The markdown.

    Raises:
        OSError: If a file cannot be written.
        ValueError: If a row has no results there.
    """
    key = 'success' if convention == 'mmtrack' else f'{convention}/success'
    rows = [
        (row, float(figures[row][key]), float(figures[row]['fps']), int(figures[row]['videos']))
        for row in TABLES[number]
        if row in figures
    ]
    gains = _gains(folder, [row for row, *_ in rows], convention)
    _write_csv(folder / f'table{number}.csv', rows, gains, convention)
    lines = [
        f'Table {number}, AUC in percent, convention {convention}.',
        '',
        "| | config | videos | AUC | gain over | frames/s | the paper's AUC |",
        '| --- | --- | --- | --- | --- | --- | --- |',
    ]
    for row, auc, fps, videos in rows:
        paper = '' if row.paper is None else f'{row.paper:.1f}'
        gain = gains.get(row)
        over = f'{gain.mean:+.1f} ± {gain.error:.1f} `{row.below}`' if gain else ''
        cells = (row.label, f'`{row.config}`', videos, f'{auc:.1f}', over, f'{fps:.1f}', paper)
        lines.append(f'| {" | ".join(map(str, cells))} |')
    text = '\n'.join([*lines, '', NOTE]) + '\n'
    write_atomically(folder / f'table{number}.md', text)
    _plot(folder / f'table{number}.png', number, [(row, auc) for row, auc, _, _ in rows])
    return text


def _gains(
    folder: Path, rows: Sequence[AblationRow], convention: str
) -> dict[AblationRow, Difference]:
    """Of each row over the one below it, where both are there."""
    scores = {row.config: video_scores(folder / row.config, convention) for row in rows}
    gains = {
        row: paired_difference(scores[row.config], scores[row.below])
        for row in rows
        if row.below in scores
    }
    return {row: gain for row, gain in gains.items() if gain is not None}


def _write_csv(
    path: Path,
    rows: Sequence[tuple[AblationRow, float, float, int]],
    gains: Mapping[AblationRow, Difference],
    convention: str,
) -> None:
    known = {row: (row.below, gain.mean, gain.error) for row, gain in gains.items()}
    write_csv(
        path,
        ['row', 'config', 'videos', f'{convention} AUC', 'frames/s', "the paper's AUC", *GAIN],
        [
            [
                row.label,
                row.config,
                videos,
                auc,
                fps,
                row.paper,
                *known.get(row, (None,) * len(GAIN)),
            ]
            for row, auc, fps, videos in rows
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
