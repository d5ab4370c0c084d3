# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""An ablation table: AUC and speed measured here, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..analysis.files import new_figure, save_figure, write_csv
from ..results.atomic import write_atomically
from .rows import TABLES, AblationRow

Figures = Mapping[AblationRow, Mapping[str, float]]

NOTE = (
    "The paper's AUC is of its own implementation, on ResNet-50 where no backbone is named, on "
    '200 videos of LaSOT, VOT2018 and OTB2015: an order to compare, not a scale.'
)


def write_table(folder: Path, number: int, figures: Figures, convention: str) -> str:
    """Write ``tableN.csv``, ``tableN.md`` and ``tableN.png``.

    Args:
        folder: Where to write.
        number: The table's number in the paper.
        figures: What :func:`~..peers.harness.run_tracker` gave, of the rows that were evaluated.
        convention: Which of its conventions to show.

    Returns:
        The markdown.

    Raises:
        OSError: If a file cannot be written.
    """
    key = 'success' if convention == 'mmtrack' else f'{convention}/success'
    rows = [
        (row, float(figures[row][key]), float(figures[row]['fps']), int(figures[row]['videos']))
        for row in TABLES[number]
        if row in figures
    ]
    write_csv(
        folder / f'table{number}.csv',
        ['row', 'config', 'videos', f'{convention} AUC', 'frames/s', "the paper's AUC"],
        [[r.label, r.config, videos, auc, fps, r.paper] for r, auc, fps, videos in rows],
    )
    lines = [
        f'Table {number}, AUC in percent, convention {convention}.',
        '',
        "| | config | videos | AUC | frames/s | the paper's AUC |",
        '| --- | --- | --- | --- | --- | --- |',
    ]
    for row, auc, fps, videos in rows:
        paper = '' if row.paper is None else f'{row.paper:.1f}'
        lines.append(
            f'| {row.label} | `{row.config}` | {videos} | {auc:.1f} | {fps:.1f} | {paper} |'
        )
    text = '\n'.join([*lines, '', NOTE]) + '\n'
    write_atomically(folder / f'table{number}.md', text)
    _plot(folder / f'table{number}.png', number, [(row, auc) for row, auc, _, _ in rows])
    return text


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
