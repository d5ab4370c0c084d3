# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Mean and spread of the figures of several runs that differ in their seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tlpg_mmtrack.utils.atomic_write import write_text
from tlpg_mmtrack.utils.errors import InputError

#: In every table's and file's ``spread``.
SPREAD = 'standard deviation of a sample (divided by the number of runs less one)'


def summarise_repeats(path: Path, runs: Mapping[int, Path]) -> str:
    """Write mean and spread of every figure to a file, and give them as a table.

    Args:
        path: JSON file to write.
        runs: Results folder of each run by its seed, two or more, each with its ``summary.json``.

    Raises:
        InputError: If a run has no summary, or figures or videos differ between runs.
        OSError: If the file cannot be written.
    """
    summaries = {seed: _read_summary(folder) for seed, folder in runs.items()}
    _check_alike(summaries)
    figures = {seed: summary['figures'] for seed, summary in summaries.items()}
    rows = {
        name: _statistics([run[name] for run in figures.values()])
        for name in next(iter(figures.values()))
        if name != 'videos'
    }
    left_out = next(iter(summaries.values()))['left_out']
    content = dict(spread=SPREAD, figures=rows, runs=figures, left_out=left_out)
    write_text(path, json.dumps(content, indent=1) + '\n')
    return _table(rows, list(runs), left_out)


def _read_summary(folder: Path) -> dict[str, Any]:
    path = folder / 'summary.json'
    try:
        summary = json.loads(path.read_text(encoding='utf-8'))
        return dict(figures=dict(summary['figures']), left_out=dict(summary['left_out']))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'repeat: {path} cannot be read ({type(error).__name__}: {error}); run the same '
            'command again'
        ) from error


def _check_alike(summaries: Mapping[int, Mapping[str, Any]]) -> None:
    """Raise where a mean would be of figures that cannot be compared."""
    (first, expected), *others = summaries.items()
    for seed, summary in others:
        there, here = (sorted(each['left_out']) for each in (expected, summary))
        if there != here:
            raise InputError(
                f'repeat: the run of seed {first} left out {there}, that of seed {seed} {here}; '
                'there is no mean over different videos: run the same command again, which tracks '
                'those that are missing'
            )
        if set(summary['figures']) != set(expected['figures']):
            raise InputError(
                f'repeat: the runs of seeds {first} and {seed} have different figures; run the '
                'same command again, which computes all'
            )


def _statistics(values: list[float]) -> dict[str, float]:
    return dict(
        mean=float(np.mean(values)),
        spread=float(np.std(values, ddof=1)),
        lowest=float(min(values)),
        highest=float(max(values)),
    )


def _table(
    rows: Mapping[str, Mapping[str, float]], seeds: list[int], left_out: Mapping[str, str]
) -> str:
    width = max(len(name) for name in rows)
    columns = ('mean', 'spread', 'lowest', 'highest')
    lines = [
        f'{len(seeds)} runs, seeds {seeds[0]} to {seeds[-1]}; spread: {SPREAD}',
        ' ' * width + ''.join(f'  {column:>8}' for column in columns),
    ]
    for name, row in rows.items():
        lines.append(f'{name:{width}}' + ''.join(f'  {row[column]:8.2f}' for column in columns))
    if left_out:
        lines.append(f'left out in every run: {", ".join(sorted(left_out))}')
    return '\n'.join(lines)
