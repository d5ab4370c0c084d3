# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading of box files: one line a frame, numbers that say where the target is."""

from __future__ import annotations

import codecs
import io
import math
from pathlib import Path

import numpy as np

from .errors import InputError

_SHOWN = 60


def read_boxes(path: str | Path) -> np.ndarray:
    """Read a box file.

    Numbers are separated by commas, semicolons, tabs or spaces; a comma stands in no number. All
    lines have as many:

    - 4: x, y, width, height.
    - 5: a box and its confidence or visibility, in 0..1, where 0 says that the target is absent;
      or the frame's number, counted from 0 or 1, and a box. Other files of 5 columns are refused.
    - 8: the corners x1, y1, ..., x4, y4 of a quadrilateral, as VOT has them; its axis-aligned
      bounding box is taken.

    A line of NaN, or the one word ``nan``, says that the target is absent. Byte order marks, other
    systems' line ends, separators at the end of a line and blank lines at the end are passed over.

    Returns:
        (N, 4) float64, (x, y, width, height) in the file's own pixels, a row for each line. NaN
        where the target is absent, or as written, such as 0, 0, 0, 0.

    Raises:
        InputError: If it is no text, or a line is of none of these forms; names file and line.
    """
    rows = [_numbers(path, number, line) for number, line in enumerate(read_lines(path), 1)]
    columns = next(filter(None, map(len, rows)), 4)
    for number, row in enumerate(rows, 1):
        if row and len(row) != columns:
            raise InputError(
                f'{path}, line {number}: has {len(row)} numbers, the lines before it have '
                f'{columns}; give each as many'
            )
    table = np.array([row or [math.nan] * columns for row in rows], dtype=np.float64)
    table = table.reshape(len(rows), columns)
    if columns == 8:
        corners = table.reshape(-1, 4, 2)
        low, high = corners.min(axis=1), corners.max(axis=1)
        return np.concatenate((low, high - low), axis=1)
    return _without_fifth(path, table) if columns == 5 else table


def read_lines(path: str | Path) -> list[str]:
    """The lines of a text file of any system, stripped, without blank ones at its end.

    An InputError if it is no text in UTF-8, or UTF-16 with a byte order mark.
    """
    content = Path(path).read_bytes()
    # Windows' editors put a byte order mark first; its shell writes UTF-16.
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode('utf-16' if wide else 'utf-8-sig').rstrip()
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: is no text in UTF-8 ({error}); save it as such') from None
    # Not splitlines: it also splits at characters that end no line.
    return [line.strip() for line in io.StringIO(text, newline=None)]


def _numbers(path: str | Path, number: int, line: str) -> list[float]:
    """The numbers of a line; none where the target is absent."""
    text = line.rstrip(',; \t')
    # One separator a line: '1,5;2,5;3;4' has decimal commas, and would become six other numbers.
    mark = next((mark for mark in ';,' if mark in text), None)
    try:
        row = [float(field) for field in text.split(mark)]
    except ValueError:
        row = []
    if row and all(map(math.isnan, row)):
        return []
    # Python reads 1_000 as a number.
    if len(row) not in (4, 5, 8) or not all(map(math.isfinite, row)) or '_' in line:
        raise InputError(
            f'{path}, line {number}: expected x,y,w,h, five numbers or the eight of four corners, '
            f'got {line[:_SHOWN]!r}'
        )
    return row


def _without_fifth(path: str | Path, table: np.ndarray) -> np.ndarray:
    """The boxes of lines of five numbers, (N, 5), by what the fifth one is."""
    known = np.isfinite(table).all(axis=1)
    boxes, last = table[:, :4], table[:, 4]
    if ((last[known] >= 0) & (last[known] <= 1)).all():
        return np.where((known & (last > 0))[:, None], boxes, np.nan)
    frames = np.arange(len(table))
    if any((table[known, 0] == frames[known] + start).all() for start in (0, 1)):
        return table[:, 1:]
    raise InputError(
        f'{path}, line {int(np.argmax(known)) + 1}: of five numbers the last must be a confidence '
        'in 0..1, or the first the number of the frame, counted up in each line from 0 or 1; give '
        'x,y,w,h'
    )
