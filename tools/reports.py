# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the reports share: results folders that can be compared, tables, and figures."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tlpg_mmtrack.evaluation.one_pass import OnePassScores, TrackedVideo
from tlpg_mmtrack.evaluation.results import ResultsFolder, VideoResult
from tlpg_mmtrack.utils.atomic_write import atomic_write, write_text
from tlpg_mmtrack.utils.errors import InputError

#: The measures that are one number.
FIGURES = tuple(field.name for field in fields(OnePassScores) if not field.name.endswith('_curve'))
_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Run:
    """One tracker's results."""

    name: str  #: What it is called in tables and pictures.
    path: Path  #: Its folder.
    videos: dict[str, TrackedVideo]  #: What was tracked, by name, sorted.
    incomplete: str | None  #: Why the folder does not hold its whole data set; None where it does.


def load_runs(paths: Sequence[str | Path]) -> list[Run]:
    """Read results folders that are to be compared.

    Args:
        paths: Folders as ``tools/test.py`` (``work_dirs/NAME/results``) or ``tools/compare.py``
            (``DIR/TRACKER``) write them.

    Raises:
        InputError: If a folder has no results, damaged ones or supervised ones; or if two folders
            differ in their videos or the truth. It names folder and fix.
    """
    runs = [load_run(path) for path in paths]
    names = [run.name for run in runs]
    runs = [
        run if names.count(run.name) == 1 else replace(run, name=str(run.path)) for run in runs
    ]
    for run in runs[1:]:
        _check_same(runs[0], run)
    return runs


def load_run(path: str | Path) -> Run:
    """Read one results folder.

    Raises:
        InputError: As in :func:`load_runs`.
    """
    folder = ResultsFolder(path)
    names = sorted(file.stem for file in (folder.path / 'videos').glob('*.json'))
    if not names:
        raise InputError(
            f'results: {path} holds no results (videos/*.json); pass a folder that tools/test.py '
            '(work_dirs/NAME/results) or tools/compare.py (DIR/TRACKER) has written'
        )
    videos = {}
    for name in names:
        result = folder.read(name)
        _check_one_pass(folder.path, result)
        videos[name] = result.tracked()
    return Run(_run_name(folder.path), folder.path, videos, _incomplete(folder.path, videos))


def report_incomplete(runs: Iterable[Run]) -> None:
    """Name the runs that do not hold their whole data set."""
    for run in runs:
        if run.incomplete:
            print(f'incomplete: {run.path}: {run.incomplete}', file=sys.stderr)


def shorten(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = len(names) - _SHOWN_NAMES
    return ', '.join(names[:_SHOWN_NAMES]) + (f' and {more} more' if more > 0 else '')


def _run_name(path: Path) -> str:
    path = path.resolve()
    return path.parent.name if path.name == 'results' else path.name


def _check_one_pass(path: Path, result: VideoResult) -> None:
    """Refuse what no one-pass measure can be taken of."""
    where = f'results: {path}, video {result.name!r}:'
    if any(len(region) != 4 for region in [*result.regions, *result.truth]):
        raise InputError(
            f'{where} holds a supervised (VOT) run or polygons; pass folders of one-pass runs'
        )
    if len(result.truth) != len(result.regions):
        raise InputError(
            f'{where} has {len(result.truth)} true boxes for {len(result.regions)} frames; the '
            "benchmark keeps its truth, so that only its server can score it; pass another set's"
        )
    if not np.isfinite(np.array(result.regions)).all():
        raise InputError(
            f'{where} a tracked box is not finite; remove videos/{result.name}.json and run the '
            'same command again'
        )


def _incomplete(path: Path, videos: dict[str, TrackedVideo]) -> str | None:
    """Why the folder does not hold its whole data set, by its own summary."""
    try:
        summary = json.loads((path / 'summary.json').read_text(encoding='utf-8'))
        left_out, expected = dict(summary['left_out']), int(summary['figures']['videos'])
    except FileNotFoundError:
        return 'there is no summary.json: its run has not ended; run the same command again'
    except (ValueError, KeyError, TypeError) as error:
        return f'its summary.json is damaged ({type(error).__name__}: {error})'
    if left_out:
        return f'its run left out {shorten([f"{name} ({why})" for name, why in left_out.items()])}'
    if expected != len(videos):
        return f'its summary.json is of {expected} videos, but {len(videos)} are there'
    return None


def _check_same(first: Run, second: Run) -> None:
    for one, other in ((first, second), (second, first)):
        missing = [name for name in one.videos if name not in other.videos]
        if missing:
            reason = f' ({other.incomplete})' if other.incomplete else ''
            raise InputError(
                f'results: {other.path} lacks {len(missing)} videos that {one.path} has: '
                f'{shorten(missing)}{reason}; finish its run by the same command, or pass folders '
                'of the same data set'
            )
    for name, video in first.videos.items():
        if not np.array_equal(video.truth, second.videos[name].truth, equal_nan=True):
            raise InputError(
                f'results: {second.path} and {first.path} hold video {name!r} with different '
                'ground truth; pass runs over the same data and annotations'
            )


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; numbers that are not whole get six decimals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(header)
    for row in rows:
        writer.writerow([f'{cell:.6f}' if isinstance(cell, float) else cell for cell in row])
    write_text(path, text.getvalue())


def new_figure(width: float, height: float) -> Figure:
    """A figure in inches that needs no display."""
    return Figure(figsize=(width, height), dpi=120, layout='constrained')


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure as PNG."""
    with atomic_write(path) as part:
        figure.savefig(part, format='png')
