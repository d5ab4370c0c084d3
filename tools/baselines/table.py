# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The table of a comparison: accuracy and speed of each tracker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reports.files import write_csv

MEASURES = ('success', 'precision', 'norm_precision')


def write_comparison(
    path: Path, figures: Mapping[str, Mapping[str, float]], convention: str, total: int
) -> str:
    """Write the table as CSV, and give it as text, best success first.

    Args:
        path: CSV file to write.
        figures: Of each tracker, as :func:`~.harness.run_tracker` gives them.
        convention: The convention to show.
        total: Number of videos that there are.

    Raises:
        OSError: If the file cannot be written.
    """
    # mmtrack's own figures have no prefix.
    prefix = '' if convention == 'mmtrack' else f'{convention}/'
    ranked = sorted(figures, key=lambda name: -figures[name][f'{prefix}success'])
    rows = [
        [name, int(figures[name]['videos']), total]
        + [float(figures[name][f'{prefix}{measure}']) for measure in MEASURES]
        + [float(figures[name]['fps'])]
        for name in ranked
    ]
    write_csv(
        path,
        ['tracker', 'videos', 'of', *(f'{convention} {name}' for name in MEASURES), 'frames/s'],
        rows,
    )
    width = max(len(name) for name in [*ranked, 'tracker'])
    lines = [f'{"tracker":{width}}  videos   success  precision  norm. precision  frames/s']
    for name, videos, of, success, precision, normalised, fps in rows:
        count = f'{videos}/{of}'
        lines.append(
            f'{name:{width}}  {count:>6}  {success:8.2f}  {precision:9.2f}  {normalised:15.2f}  '
            f'{fps:8.1f}'
        )
    return '\n'.join([f'convention {convention}, percent', *lines])
