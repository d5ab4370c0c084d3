# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is found in a downloaded data set: the videos that are whole, and what is wrong."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tlpg_mmtrack.utils.atomic_write import write_text
from tlpg_mmtrack.utils.box_files import read_boxes, read_lines
from tlpg_mmtrack.utils.errors import InputError

_HEADER = (
    'The format of each line in this txt is '
    '(video_path,annotation_path,start_frame_id,end_frame_id)'
)
_SHOWN_FRAMES = 5


@dataclass(frozen=True)
class ListedVideo:
    """One line of mmtrack's list.

    Attributes:
        frames: Folder of the frames.
        boxes: File of the annotations.
        first: Number in the name of the first frame.
        last: Number in the name of the last frame.
    """

    frames: str
    boxes: str
    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.last - self.first + 1


@dataclass
class Findings:
    """The outcome of a check.

    Attributes:
        videos: Videos that are whole.
        problems: What is wrong, each naming a file or folder.
    """

    videos: list[ListedVideo] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, video: ListedVideo, problems: Sequence[str]) -> None:
        """Take a checked video."""
        self.problems.extend(problems)
        if not problems:
            self.videos.append(video)


def write_list(path: Path, videos: Sequence[ListedVideo]) -> None:
    """Write mmtrack's list of videos, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f'{video.frames},{video.boxes},{video.first},{video.last}' for video in videos)
    write_text(path, '\n'.join((_HEADER, *lines)))


def read_names(name: str) -> list[list[str]]:
    """The rows of a list in ``lists/``, each split at its spaces."""
    text = (Path(__file__).parent / 'lists' / name).read_text(encoding='utf-8')
    return [line.split() for line in text.splitlines()]


def check_frames(root: Path, video: ListedVideo, template: str) -> list[str]:
    """Say which frames are missing.

    Args:
        root: Folder that the video's paths start from.
        video: The video.
        template: %-template of the frames' names.
    """
    folder = root / video.frames
    if not folder.is_dir():
        return [f'{folder}: the folder is missing']
    present = {path.name for path in folder.iterdir()}
    names = [template % number for number in range(video.first, video.last + 1)]
    missing = [name for name in names if name not in present]
    if not missing:
        return []
    more = len(missing) - _SHOWN_FRAMES
    rest = f' and {more} more' if more > 0 else ''
    return [
        f'{folder}: {len(missing)} of {len(names)} frames are missing: '
        f'{", ".join(missing[:_SHOWN_FRAMES])}{rest}'
    ]


def last_frame(folder: Path) -> int | None:
    """The greatest number that names a frame, ``00000012.jpg``; None without any."""
    if not folder.is_dir():
        return None
    numbers = [int(path.stem) for path in folder.glob('*.jpg') if path.stem.isdigit()]
    return max(numbers, default=None)


def check_boxes(path: Path, expected: int, nan: bool = False, whole: bool = False) -> list[str]:
    """Say what is wrong with an annotation file, for mmtrack's readers, too.

    Args:
        path: The file, one line a frame.
        expected: Number of lines that it must have.
        nan: Whether a line of NaN may say that the target is absent.
        whole: Whether the numbers must be integers, which is all that mmtrack's reader of OTB
            understands. Its others understand commas alone.
    """
    try:
        boxes = read_boxes(path)
        lines = read_lines(path)
        if not whole:
            np.loadtxt(io.StringIO(path.read_text(encoding='utf-8')), delimiter=',')
    except FileNotFoundError:
        return [f'{path}: the file is missing']
    except InputError as error:
        return [str(error)]
    except (OSError, ValueError) as error:
        return [f'{path}: cannot be read ({error})']
    if len(boxes) != expected:
        return [f'{path}: has {len(boxes)} lines, but {expected} are expected']
    wrong = ~np.isfinite(boxes).all(axis=1) if not nan else np.zeros(len(boxes), dtype=bool)
    if whole:
        wrong |= np.array([re.search(r'[^-+\d,;\s]', line) is not None for line in lines])
    if wrong.any():
        index = int(wrong.argmax())
        kind = 'whole numbers' if whole else 'numbers'
        return [f'{path}: line {index + 1} must be {kind}, is {lines[index][:60]!r}']
    return []


def check_flags(path: Path, expected: int, separator: str | None, most: int = 1) -> list[str]:
    """Say what is wrong with a file of one small number for each frame.

    Args:
        path: The file.
        expected: How many numbers it must have.
        separator: What stands between them; None for any white space.
        most: The greatest number that may occur.
    """
    try:
        values = path.read_text(encoding='utf-8').strip().split(separator)
    except FileNotFoundError:
        return [f'{path}: the file is missing']
    if len(values) != expected:
        return [f'{path}: has {len(values)} values, but {expected} are expected']
    wrong = [value for value in values if not value.strip().isdigit() or int(value) > most]
    return [f'{path}: {wrong[0]!r} is not a number in 0..{most}'] if wrong else []
