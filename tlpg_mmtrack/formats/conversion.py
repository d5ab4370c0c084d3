# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading and writing the boxes of a video in any of the formats."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.box_files import read_lines
from tlpg_mmtrack.utils.errors import FileError, InputError
from tlpg_mmtrack.utils.frames import open_source

from .coco_video import coco_text, read_coco
from .cvat import cvat_text, read_cvat
from .label_studio import label_studio_text, read_label_studio, require_same_count
from .records import VideoBoxes
from .text_files import (
    csv_text,
    mot_text,
    one_target_text,
    read_csv,
    read_mot,
    read_one_target,
)


class Format(NamedTuple):
    """How a kind of file is read, from its path and the frame size if known, and written."""

    read: Callable[[Path, tuple[int, int] | None], VideoBoxes]
    text: Callable[[VideoBoxes], str]


#: docs/labelling.md says what each is.
FORMATS = {
    'csv': Format(read_csv, csv_text),
    'coco': Format(read_coco, coco_text),
    'cvat': Format(read_cvat, cvat_text),
    'labelstudio': Format(read_label_studio, label_studio_text),
    'mot': Format(read_mot, mot_text),
    'vot': Format(partial(read_one_target, corner=0), partial(one_target_text, corner=0)),
    'otb': Format(partial(read_one_target, corner=1), partial(one_target_text, corner=1)),
}


def read_boxes_of_video(
    path: str | Path,
    format: str | None = None,
    video: str | Path | None = None,
    size: tuple[int, int] | None = None,
) -> VideoBoxes:
    """Read a file of boxes.

    Args:
        path: The file.
        format: One of ``FORMATS``; by the file's name and content if None.
        video: The video they are of; gives name, frame size, frames a second and their number.
        size: Frame (width, height) in pixels, where there is no ``video`` and the file has none.

    Raises:
        OSError: If the file cannot be read.
        InputError: If it is malformed, or of another video; names the file and the line or
            element. If the format is none of these or cannot be told, or the video cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f'boxes: {path} is not a file; check the path')
    if size is not None and min(size) <= 0:
        raise InputError(
            f'size: must be positive, got {size}; pass the (width, height) of a frame'
        )
    known = _of_video(video) if video is not None else VideoBoxes('', (), size)
    format = format or _guess(path)
    boxes = _named(format).read(path, known.size)
    if video is None:
        return dataclasses.replace(boxes, size=boxes.size or size)
    if format == 'labelstudio':
        require_same_count(str(path), boxes.frame_count, known.frame_count, known.fps)
    _require_same_video(path, boxes, known, str(video))
    return dataclasses.replace(known, records=boxes.records)


def write_boxes_of_video(boxes: VideoBoxes, path: str | Path, format: str) -> None:
    """Write a file of boxes, atomically.

    Args:
        boxes: The boxes.
        path: File to write; one that is there is replaced.
        format: One of ``FORMATS``.

    Raises:
        InputError: If the format is none of these; if it needs the frame's size and that is not
            known; or if it holds one target and there are several.
        FileError: If the file cannot be written; it names the file.
    """
    text = _named(format).text(boxes)
    try:
        with atomic_write(Path(path)) as part:
            part.write_text(text, encoding='utf-8')
    except OSError as error:
        raise FileError(
            f'{path}: cannot be written ({error.strerror}); free space, or pass another folder'
        ) from error


def _named(name: str) -> Format:
    if name not in FORMATS:
        raise InputError(f'format: {name!r} is none; pass one of {", ".join(FORMATS)}')
    return FORMATS[name]


def _guess(path: Path) -> str:
    """The format of a file by its suffix and content."""
    suffix = path.suffix.lower()
    if suffix in ('.csv', '.xml'):
        return suffix.replace('xml', 'cvat').lstrip('.')
    if suffix == '.json':
        return 'labelstudio' if path.read_text(errors='replace').lstrip()[:1] == '[' else 'coco'
    columns = len(next(iter(read_lines(path)), '').rstrip(',').split(','))
    if suffix == '.txt' and columns >= 7 and columns != 8:
        return 'mot'
    raise InputError(
        f'format: cannot be told from {path}; pass one of {", ".join(FORMATS)} (vot and otb '
        'differ in whether the top left pixel is 0,0 or 1,1)'
    )


def _of_video(video: str | Path) -> VideoBoxes:
    source = open_source(video)
    frame = next((frame for _, frame in source if frame is not None), None)
    if frame is None:
        raise InputError(f'video: {video} has no readable frame; check the path')
    size = (frame.shape[1], frame.shape[0])
    return VideoBoxes(Path(source.name).name, (), size, source.fps, source.frame_count)


def _require_same_video(path: Path, boxes: VideoBoxes, known: VideoBoxes, video: str) -> None:
    """Refuse boxes that cannot be of this video."""
    advice = f'they are of another video than {video}; pass that one'
    if boxes.size is not None and boxes.size != known.size:
        sizes = [' x '.join(map(str, size)) for size in (boxes.size, known.size)]
        raise InputError(f'{path}: is of frames of {sizes[0]}, not {sizes[1]} pixels; {advice}')
    width, height = known.size
    for record in boxes.records:
        x, y, w, h = record.box
        if x >= width or y >= height or x + w <= 0 or y + h <= 0:
            raise InputError(
                f'{path}: the box of {record.target!r} in frame {record.frame} lies outside of '
                f'the {width} x {height} frame; {advice}'
            )
    last = max((record.frame for record in boxes.records), default=0)
    # What a video file says of itself is an estimate.
    if last >= (known.frame_count or 0) and last >= sum(1 for _ in open_source(video)):
        raise InputError(f'{path}: has a box in frame {last}, after the end; {advice}')
