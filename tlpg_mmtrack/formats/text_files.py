# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Boxes as text: this project's boxes.csv, MOTChallenge, VOT and OTB."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from tlpg_mmtrack.structures import TrackingState
from tlpg_mmtrack.utils.box_files import read_boxes, read_lines

from .records import UNNAMED, Records, VideoBoxes, rounded

_CSV = ('frame', 'x', 'y', 'w', 'h')
_OPTIONAL = ('score', 'confidence')


def read_csv(path: Path, size: tuple[int, int] | None = None) -> VideoBoxes:
    """Read ``boxes.csv``, whose first line names the columns; those of other names are ignored."""
    records = Records(path)
    rows = csv.DictReader(read_lines(path))
    lacking = [name for name in _CSV if name not in (rows.fieldnames or ())]
    if lacking:
        raise records.error(
            'line 1', f'lacks the columns {", ".join(lacking)} of a boxes.csv; add them'
        )
    for number, row in enumerate(rows, 2):
        where = f'line {number}'
        try:
            frame, box = int(row['frame']), [float(row[name]) for name in _CSV[1:]]
            scores = [float(row[name]) if row.get(name) else None for name in _OPTIONAL]
        except (TypeError, ValueError):
            raise records.error(where, f'must hold numbers, got {_shown(row)}') from None
        state = row.get('state') or TrackingState.NORMAL.value
        records.add(where, frame, row.get('target') or UNNAMED, box, *scores, state)
    return VideoBoxes('', records.sorted(), size)


def csv_text(video: VideoBoxes) -> str:
    """``boxes.csv``, with a column for the target, in the order of frames."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator='\n')
    rows.writerow([*_CSV, *_OPTIONAL, 'state', 'target'])
    for record in sorted(video.records, key=lambda r: r.frame):
        numbers = [
            '' if value is None else f'{value:.4f}'
            for value in (*record.box, record.score, record.confidence)
        ]
        rows.writerow([record.frame, *numbers, record.state, record.target])
    return file.getvalue()


def read_mot(path: Path, size: tuple[int, int] | None = None) -> VideoBoxes:
    """Read MOTChallenge's text: frame,id,x,y,w,h,conf,..., frames and pixels counted from 1."""
    records = Records(path)
    for number, line in enumerate(read_lines(path), 1):
        where = f'line {number}'
        try:
            values = [float(text) for text in line.rstrip(',').split(',')]
            frame, target = int(values[0]), int(values[1])
        except (ValueError, IndexError, OverflowError):
            values = []
        if len(values) < 6:
            raise records.error(where, f'expected frame,id,x,y,w,h,conf,..., got {line[:60]!r}')
        x, y, width, height = values[2:6]
        # -1 says that there is none.
        score = values[6] if len(values) > 6 and values[6] >= 0 else None
        records.add(where, frame - 1, str(target), (x - 1, y - 1, width, height), score)
    return VideoBoxes('', records.sorted(), size)


def mot_text(video: VideoBoxes) -> str:
    """MOTChallenge's text; targets are numbered from 1, frames without one have no line."""
    numbers = {name: number for number, name in enumerate(video.targets, 1)}
    lines = []
    for record in sorted(video.records, key=lambda r: (r.frame, numbers[r.target])):
        if record.visible:
            x, y, width, height = record.box
            box = rounded((x + 1, y + 1, width, height, record.certainty))
            row = [record.frame + 1, numbers[record.target], *box, -1, -1, -1]
            lines.append(','.join(f'{value}' for value in row))
    return ''.join(f'{line}\n' for line in lines)


def read_one_target(path: Path, size: tuple[int, int] | None, corner: int) -> VideoBoxes:
    """Read a line x,y,w,h for each frame; the top left pixel is ``corner``,``corner``."""
    records = Records(path)
    boxes = read_boxes(path)
    for frame, box in enumerate(boxes - [corner, corner, 0, 0]):
        # Absent: nan, or no area.
        if np.isfinite(box).all() and (box[2:] > 0).all():
            records.add(f'line {frame + 1}', frame, UNNAMED, box.tolist())
    return VideoBoxes('', records.sorted(), size, frame_count=len(boxes))


def one_target_text(video: VideoBoxes, corner: int) -> str:
    """A line x,y,w,h for each frame, nan where there is no box; see :func:`read_one_target`.

    Where the tracker lost the target its answer is written, the last box known.
    """
    (records,) = video.only(None).targets.values()
    boxes = np.full((video.length, 4), np.nan)
    for frame in records.keys() & range(video.length):
        boxes[frame] = records[frame].box
    boxes[:, :2] += corner
    return ''.join(','.join(f'{value:.4f}' for value in box) + '\n' for box in boxes)


def _shown(row: dict[str, str | None]) -> str:
    return ','.join(str(value) for value in list(row.values())[:6])
