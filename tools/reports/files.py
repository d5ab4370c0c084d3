# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""CSV files and matplotlib figures that are there whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tlpg_mmtrack.utils.atomic_write import atomic_write, write_text


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
    figure = Figure(figsize=(width, height), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure as PNG."""
    with atomic_write(path) as part:
        figure.savefig(part, format='png')
