# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Videos in OTB's layout: ``NAME/img/*.jpg`` and ``NAME/groundtruth_rect.txt``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpg_mmtrack.apis.frames import FolderSource

from ..benchmarks.findings import check_boxes, read_names


@dataclass(frozen=True)
class OTBVideo:
    """One target in one video.

    Attributes:
        name: Its name; several targets of one folder are ``Jogging-1`` and ``Jogging-2``.
        images: Its frames' files, in order.
        truth: (n, 4) boxes (x, y, width, height) in pixels, 0-based; the files are 1-based.
    """

    name: str
    images: list[Path]
    truth: np.ndarray


def read_otb_folder(folder: str | Path) -> tuple[list[OTBVideo], dict[str, str]]:
    """Find the videos in a folder.

    Where frames and boxes of one of OTB-100's videos differ in number, the frames are taken that
    the benchmark uses.

    Args:
        folder: Folder of the videos' folders.

    Returns:
        The videos that can be used, by name; and why others cannot.

    Raises:
        FileNotFoundError: If there is no such folder, or no video in it.
    """
    folder = Path(folder)
    videos, problems = [], {}
    for path in sorted(folder.glob('*/groundtruth_rect*.txt')):
        target = re.fullmatch(r'groundtruth_rect\.(\d+)', path.stem)
        if path.stat().st_size == 0 and len(list(path.parent.glob('groundtruth_rect*.txt'))) > 1:
            continue  # Human4's first file.
        name = f'{path.parent.name}-{target[1]}' if target else path.parent.name
        try:
            videos.append(_read(name, path))
        except (OSError, ValueError) as error:
            problems[name] = str(error)
    if not videos and not problems:
        hint = f'; did you mean {folder / "data"}?' if (folder / 'data').is_dir() else ''
        raise FileNotFoundError(
            f'data: {folder} holds no NAME/groundtruth_rect.txt; pass a folder in the layout of '
            f'OTB{hint}'
        )
    return sorted(videos, key=lambda video: video.name), problems


def _read(name: str, annotation: Path) -> OTBVideo:
    images = FolderSource(annotation.parent / 'img').paths
    lines = annotation.read_text(encoding='utf-8').split('\n')
    if len([line for line in lines if line.strip()]) != len(images):
        images = _used_by_otb(annotation, images)
    problems = check_boxes(annotation, len(images), separators=r',\s', nan=True)
    if problems:
        raise ValueError(problems[0])
    rows = [re.split(r'[,\s]+', line.strip()) for line in lines if line.strip()]
    truth = np.array(rows, dtype=np.float64) - (1, 1, 0, 0)
    if not (np.isfinite(truth[0]).all() and (truth[0, 2:] > 0).all()):
        raise ValueError(f'{annotation}: the first box, {lines[0]!r}, cannot be started from')
    return OTBVideo(name, images, truth)


def _used_by_otb(annotation: Path, images: list[Path]) -> list[Path]:
    """The frames that OTB-100 uses of this video; all if it is not one of its."""
    for video, boxes, first, last in read_names('otb100.txt'):
        if (video, boxes) == (annotation.parent.name, annotation.name):
            return [
                image
                for image in images
                if image.stem.isdigit() and int(first) <= int(image.stem) <= int(last)
            ]
    return images
