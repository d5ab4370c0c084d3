# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The paper's ablation tables 1 to 3: their rows, its figures, and ours beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tlpg_tools.reports import load_run, new_figure, save_figure, write_csv

from tlpg_mmtrack.evaluation.one_pass import CONVENTIONS, score_video
from tlpg_mmtrack.utils.atomic_write import write_text

NOTE = (
    "The paper's AUC is of its own implementation, on ResNet-50 where no backbone is named, on "
    '200 videos of LaSOT, VOT2018 and OTB2015: an order to compare, not a scale. A gain is the '
    'mean over videos of the difference to the row named, ± its standard error over the videos. '
    'AUC and gains are means over the trainings, of which the deviation is the standard deviation.'
)


@dataclass(frozen=True)
class AblationRow:
    """One figure of a table."""

    label: str  #: What the paper calls it.
    config: str  #: Name of its config in ``configs/tlpg/ablation``.
    paper: float | None = None  #: The paper's AUC in percent; None where it has no such row.
    #: Config of the row over which the paper claims a gain by a change of design, with the same
    #: postprocess; None for the first.
    below: str | None = None

    @property
    def training(self) -> str:
        """Name of the config whose training gives its weights: NMS and IoU-Net share one."""
        return self.config.replace('_nms', '_iou')


def _designs(*designs: tuple[str, str, float, float]) -> tuple[AblationRow, ...]:
    """Rows of table 2, from (label, config's start, figure with NMS, figure with IoU-Net)."""
    starts = [None, *(design[1] for design in designs)]
    return tuple(
        AblationRow(
            f'{label}, {post}',
            f'{config}_{post.lower()}',
            figure,
            below and f'{below}_{post.lower()}',
        )
        for below, (label, config, *figures) in zip(starts, designs, strict=False)
        for post, figure in zip(('NMS', 'IoU'), figures, strict=True)
    )


TABLES: dict[int, tuple[AblationRow, ...]] = {
    1: (
        AblationRow('RC+IoU', 'rc_iou', 57.7),
        AblationRow('DC+IoU', 'dc_iou', 58.0, 'rc_iou'),
        AblationRow('DC+Reg+IoU', 'dc-reg_iou', 58.8, 'dc_iou'),
        AblationRow('DCC+NMS', 'dcc_nms', 60.0),
        AblationRow('DCC+IoU', 'dcc_iou', 60.3, 'dc-reg_iou'),
    ),
    2: _designs(
        ('Single stage', 'dcc', 60.0, 60.3),
        ('BReg', 'breg', 60.0, 60.4),
        ('BReg+EN', 'breg-en', 60.1, 60.5),
        ('CReg', 'creg', 60.3, 60.6),
        ('CReg+EN', 'creg-en', 60.7, 60.8),
    ),
    3: (
        AblationRow('No neck, EfficientNet-Lite0', 'no-neck_efflite0'),
        AblationRow('FPN, EfficientNet-Lite0', 'fpn_efflite0', below='no-neck_efflite0'),
        AblationRow('Balanced neck, EfficientNet-Lite0', 'creg-en_iou', below='fpn_efflite0'),
        AblationRow('No neck, ResNet-50', 'no-neck_r50', 59.5),
        AblationRow('FPN, ResNet-50', 'fpn_r50', 60.1, 'no-neck_r50'),
        AblationRow('Balanced neck, ResNet-50', 'balanced_r50', 60.8, 'fpn_r50'),
        AblationRow('No neck, DetNet-59', 'no-neck_detnet59', 59.8),
        AblationRow('FPN, DetNet-59', 'fpn_detnet59', 60.3, 'no-neck_detnet59'),
        AblationRow('Balanced neck, DetNet-59', 'balanced_detnet59', 60.7, 'fpn_detnet59'),
    ),
}
"""The paper's figures are AUC on 200 videos drawn from LaSOT, VOT2018 and OTB2015, on ResNet-50
where no other backbone is named."""


@dataclass(frozen=True)
class Evaluation:
    """A row's weights of one training, evaluated."""

    folder: Path  #: The results folder.
    figures: Mapping[str, float]  #: What :func:`~harness.run_tracker` gave.


@dataclass(frozen=True)
class Difference:
    """Mean over videos of one row's AUC less another's, in points of percent."""

    mean: float  #: The mean.
    #: Its standard error over the videos. It says nothing of another training's seed.
    error: float
    videos: int  #: Number of videos that both rows have.


def video_scores(folder: Path, convention: str) -> dict[str, float]:
    """AUC of each video of a results folder, in percent; InputError where it has no results.

    mmtrack's own function gives no single video's figure: ``'otb'`` is taken for its convention.
    """
    rules = CONVENTIONS['otb' if convention == 'mmtrack' else convention]
    scores = {name: score_video(video, rules) for name, video in load_run(folder).videos.items()}
    return {name: 100 * score.success for name, score in scores.items() if score is not None}


def mean_scores(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean over several runs of the figures of each video that all of them have."""
    names = sorted(set.intersection(*(set(run) for run in runs)))
    return {name: float(np.mean([run[name] for run in runs])) for name in names}


def paired_difference(
    scores: Mapping[str, float], before: Mapping[str, float]
) -> Difference | None:
    """Compare the AUC of two rows over the videos that both have; None of less than two."""
    names = sorted(scores.keys() & before.keys())
    if len(names) < 2:
        return None
    gains = np.array([scores[name] - before[name] for name in names])
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return Difference(float(gains.mean()), float(error), len(gains))


def write_table(
    folder: Path,
    number: int,
    evaluations: Mapping[AblationRow, Sequence[Evaluation]],
    convention: str,
) -> str:
    """Write ``tableN.csv``, ``tableN.md`` and ``tableN.png`` in a folder.

    ``evaluations`` are of the rows that were evaluated, one for each training.

    Returns:
        The markdown.

    Raises:
        InputError: If a row has no results, or a file cannot be written.
    """
    rows = [row for row in TABLES[number] if row in evaluations]
    scores = {
        row.config: mean_scores([video_scores(e.folder, convention) for e in evaluations[row]])
        for row in rows
    }
    cells = [_cells(row, evaluations[row], scores, convention) for row in rows]
    header = [f'{convention} AUC' if name == 'AUC' else name for name in cells[0]]
    write_csv(folder / f'table{number}.csv', header, (row.values() for row in cells))
    columns = ['', 'config', 'videos', 'trainings', 'AUC', 'deviation', 'gain over', 'frames/s']
    lines = [
        f'Table {number}, AUC in percent, convention {convention}.',
        '',
        f"| {' | '.join(columns)} | the paper's AUC |",
        '| --- |' + ' --- |' * len(columns),
        *map(_markdown_row, cells),
    ]
    text = '\n'.join([*lines, '', NOTE]) + '\n'
    write_text(folder / f'table{number}.md', text)
    _plot(folder / f'table{number}.png', number, cells)
    return text


def _cells(
    row: AblationRow,
    evaluations: Sequence[Evaluation],
    scores: Mapping[str, Mapping[str, float]],
    convention: str,
) -> dict[str, Any]:
    """A row's figures over its trainings, by the headings of the CSV file; None where unknown."""
    key = 'success' if convention == 'mmtrack' else f'{convention}/success'
    figures = [evaluation.figures for evaluation in evaluations]
    aucs = [float(figure[key]) for figure in figures]
    below = scores.get(row.below)
    gain = below and paired_difference(scores[row.config], below)
    return {
        'row': row.label,
        'config': row.config,
        # The least that a training's figures are of.
        'videos': int(min(figure['videos'] for figure in figures)),
        'trainings': len(aucs),
        'AUC': float(np.mean(aucs)),
        'deviation': float(np.std(aucs, ddof=1)) if len(aucs) > 1 else None,
        'frames/s': float(np.mean([figure['fps'] for figure in figures])),
        "the paper's AUC": row.paper,
        'gain over': row.below if gain else None,
        'gain': gain.mean if gain else None,
        'standard error': gain.error if gain else None,
    }


def _markdown_row(cells: Mapping[str, Any]) -> str:
    gain = None
    if cells['gain'] is not None:
        gain = f'{cells["gain"]:+.1f} ± {cells["standard error"]:.1f} `{cells["gain over"]}`'
    names = ('videos', 'trainings', 'AUC', 'deviation', 'gain', 'frames/s', "the paper's AUC")
    columns = [cells['row'], f'`{cells["config"]}`', *map({**cells, 'gain': gain}.get, names)]
    shown = (f'{cell:.1f}' if isinstance(cell, float) else str(cell or '') for cell in columns)
    return f'| {" | ".join(shown)} |'


def _plot(path: Path, number: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Both columns as bars, each on its own scale."""
    figure = new_figure(9.0, 1.2 + 0.35 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    columns = [
        (left, 'measured', 'AUC', 'tab:blue'),
        (right, 'the paper, other data', "the paper's AUC", 'tab:gray'),
    ]
    for axes, title, name, colour in columns:
        values = [row[name] for row in rows]
        known = [value for value in values if value is not None]
        bars = axes.barh(
            [row['row'] for row in rows], [value or 0.0 for value in values], color=colour
        )
        axes.bar_label(bars, ['' if value is None else f'{value:.1f}' for value in values])
        axes.set(title=title, xlabel='AUC, percent')
        # Rows differ by a point or two, so bars do not start at zero; the axis says so.
        if known:
            axes.set_xlim(min(known) - 2, max(known) + 2)
    left.invert_yaxis()
    figure.suptitle(f'Table {number}')
    save_figure(path, figure)
