# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The layout of videos with boxes that training, testing and comparing share.

Each folder ``FOLDER/NAME/`` is a video: ``img/`` with its frames, pictures of any names in natural
order (2.jpg before 10.jpg), and a box file, which :func:`~tlpg_mmtrack.utils.box_files.read_boxes`
reads: one line a frame. It is ``groundtruth_rect.txt``, whose top left pixel is (1, 1), as in OTB;
or ``groundtruth.txt``, whose top left pixel is (0, 0). ``groundtruth_rect.1.txt``, ``.2.txt`` are
of several targets in the same frames.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np

from tlpg_mmtrack.utils.box_files import read_boxes, read_lines
from tlpg_mmtrack.utils.errors import CorpusWarning, InputError
from tlpg_mmtrack.utils.images import natural_key, picture_paths

_ONE_BASED = re.compile(r'groundtruth_rect(?:\.(\d+))?\.txt')
BOX_FILES = ('groundtruth.txt', 'groundtruth_rect.txt')  #: Names of box files.


@dataclass(frozen=True)
class FolderVideo:
    """One target in one video."""

    name: str  #: Its name; several targets of one folder are ``Jogging-1`` and ``Jogging-2``.
    images: list[Path]  #: Its frames' files, in order.
    #: (n, 4) float64 boxes (x, y, width, height) in pixels, 0-based; NaN, or without area, where
    #: the target is absent.
    truth: np.ndarray
    annotation: Path | None = None  #: The file of the boxes, if there is one.


#: Videos that can be used, and by name why others cannot: the reason names the file, and the line.
Videos: TypeAlias = tuple[list[FolderVideo], dict[str, str]]


def read_video_folder(folder: str | Path, one_based: bool | None = None) -> Videos:
    """Read the videos of a folder, in natural order, to track each from its first box.

    ``one_based``: whether the top left pixel is (1, 1) in all box files, and not (0, 0); None: in
    those named ``groundtruth_rect.txt``. An InputError if there is no such folder, or no video.
    """
    videos, problems = find_videos(folder, one_based)
    if not videos and not problems:
        below = Path(folder) / 'data'
        hint = f'; did you mean {below}?' if below.is_dir() else ''
        raise InputError(
            f'data: {folder} holds no video: expected NAME/img/ and NAME/{BOX_FILES[0]} or '
            f'NAME/{BOX_FILES[1]}{hint}'
        )
    return _startable(videos, problems)


def find_videos(
    folder: str | Path,
    one_based: bool | None = None,
    selected: Callable[[str], bool] = lambda name: True,
) -> Videos:
    """Read the ``selected`` videos of a folder, whether or not their first frame shows the target.

    Where frames and boxes of one of OTB-100's videos differ in number, the frames are taken that
    the benchmark uses. A folder without frames and boxes is no video: a ``CorpusWarning`` says so.
    An InputError if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f'data: {folder} is not a folder of videos; check the path. The configs look below '
            'the folder that TLPG_DATA names (docs/custom_data.md)'
        )
    videos, problems = [], {}
    for path in sorted(folder.iterdir(), key=lambda path: natural_key(path.name)):
        if path.name.startswith('.') or not path.is_dir() or not selected(path.name):
            continue
        annotations = _annotations(path)
        if not annotations and not (path / 'img').is_dir():
            message = f'{path}: video left out: it holds no img/, {" or ".join(BOX_FILES)}'
            warnings.warn(message, CorpusWarning, stacklevel=2)
            continue
        for name, files in (annotations or {path.name: []}).items():
            if len(files) != 1:
                count = f'{len(files)} of {" and ".join(BOX_FILES)}'
                problems[name] = f'{path} holds {count}; one is needed'
                continue
            try:
                images = picture_paths(path / 'img')
                videos.append(_read_video(name, images, files[0], one_based))
            except (OSError, InputError) as error:
                problems[name] = str(error)
    return videos, problems


def read_video_list(path: str | Path, root: str | Path, one_based: bool | None = None) -> Videos:
    """Read mmtrack's list of videos, in its order, to track each from its first box.

    Its lines are ``frames,boxes,first,last``: a folder, a file, both below ``root``, and the
    numbers that end the names of the first and the last frame. A first line of another form is a
    comment. ``one_based`` is that of :func:`read_video_folder`; files of other names are 0-based.
    An InputError if it is missing, names no video, or a line, which it names, is malformed.
    """
    if not Path(path).is_file():
        raise InputError(f'ann_file: {path} is no list of videos; check the path, or leave it out')
    videos, problems = [], {}
    for number, line in enumerate(read_lines(path), 1):
        fields = [field.strip() for field in line.split(',')]
        if len(fields) != 4 or not all(field.isdecimal() for field in fields[2:]):
            if number == 1:
                continue
            raise InputError(f'{path}, line {number}: expected frames,boxes,first,last: {line!r}')
        frames, boxes, first, last = Path(root, fields[0]), Path(root, fields[1]), *fields[2:]
        try:
            images = numbered(picture_paths(frames), int(first), int(last))
            if len(images) != int(last) - int(first) + 1:
                raise InputError(f'{frames}: of frames {first} to {last} {len(images)} are there')
            videos.append(_read_video(line, images, boxes, one_based))
        except (OSError, InputError) as error:
            problems[line] = f'{path}, line {number}: {error}'
    if not videos and not problems:
        raise InputError(f'{path}: names no video; expected lines frames,boxes,first,last')
    return _startable(videos, problems)


def _read_video(
    name: str, images: list[Path], annotation: Path, one_based: bool | None
) -> FolderVideo:
    """Raises an OSError or InputError that names the file if the boxes do not fit the frames."""
    boxes = read_boxes(annotation)
    target = (annotation.parent.name, annotation.name)
    if len(boxes) != len(images) and target in otb_targets():
        # Of some videos OTB-100 does not use all frames.
        images = numbered(images, *otb_targets()[target])
    if len(boxes) != len(images):
        first = min(len(boxes), len(images))
        what = 'has no frame' if first == len(images) else f'is missing, of {images[first].name}'
        raise InputError(
            f'{annotation}: {len(boxes)} boxes for {len(images)} frames: line {first + 1} {what}; '
            'give a line to each frame'
        )
    if one_based is None:
        one_based = _ONE_BASED.fullmatch(annotation.name) is not None
    if one_based:
        boxes[:, :2] -= 1.0
    return FolderVideo(name, images, boxes, annotation)


def _startable(videos: list[FolderVideo], problems: dict[str, str]) -> Videos:
    """Move videos from whose first box no tracker can start to the problems."""
    good = []
    for video in videos:
        # Not `<= 0`: NaN passes it.
        if len(video.truth) and (video.truth[0, 2:] > 0).all():
            good.append(video)
            continue
        problems[video.name] = (
            f'{video.annotation}, line 1: the first box cannot be started from: '
            f'{video.truth[:1].tolist()} (x, y, width, height, 0-based); begin the video where '
            'the target is shown'
        )
    return good, problems


def _annotations(folder: Path) -> dict[str, list[Path]]:
    """A video's box files by the names of their targets."""
    paths = [path for path in folder.glob('groundtruth*.txt') if path.is_file()]
    found: dict[str, list[Path]] = {}
    for path in sorted(paths, key=lambda path: natural_key(path.name)):
        # Of several, an empty one is none: OTB's Human4 has one.
        if len(paths) > 1 and path.stat().st_size == 0:
            continue
        match = _ONE_BASED.fullmatch(path.name)
        if match or path.name == BOX_FILES[0]:
            target = f'-{match[1]}' if match and match[1] else ''
            found.setdefault(folder.name + target, []).append(path)
    return found


@cache
def otb_targets() -> dict[tuple[str, str], tuple[int, int]]:
    """First and last frame of each of OTB-100's targets, by folder and annotation file."""
    text = (Path(__file__).parent / 'lists' / 'otb100.txt').read_text(encoding='utf-8')
    rows = map(str.split, text.splitlines())
    return {(folder, boxes): (int(first), int(last)) for folder, boxes, first, last in rows}


def numbered(images: list[Path], first: int, last: int) -> list[Path]:
    """The pictures whose name ends in a number from first to last."""
    numbers = {image: re.search(r'(\d+)$', image.stem) for image in images}
    return [image for image, found in numbers.items() if found and first <= int(found[1]) <= last]
