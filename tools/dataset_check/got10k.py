# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""GOT-10k: ``test/`` or ``val/`` with ``list.txt`` and a folder for each of 180 videos."""

from __future__ import annotations

from pathlib import Path

from .findings import Findings, ListedVideo, check_boxes, check_flags, check_frames, last_frame

_VIDEOS = 180


def check_got10k(root: Path, split: str = 'test') -> Findings:
    """Check one of GOT-10k's splits.

    In ``test`` only the first box of a video is public. In ``val`` every frame has a box, a flag
    for absence, and in 0..8 how much of the target can be seen.

    Args:
        root: Folder that holds ``test`` and ``val``.
        split: ``'test'`` or ``'val'``.
    """
    findings = Findings()
    path = root / split / 'list.txt'
    if not path.is_file():
        findings.problems.append(f'{path}: the file is missing; it names the videos')
        return findings
    names = sorted(path.read_text(encoding='utf-8').split())
    if len(names) != _VIDEOS:
        findings.problems.append(f'{path}: names {len(names)} videos, {split} has {_VIDEOS}')
    for name in names:
        folder = root / split / name
        last = last_frame(folder)
        if last is None:
            findings.problems.append(f'{folder}: there are no frames')
            continue
        video = ListedVideo(f'{split}/{name}', f'{split}/{name}/groundtruth.txt', 1, last)
        problems = check_frames(root, video, '%08d.jpg')
        problems += check_boxes(root / video.boxes, 1 if split == 'test' else video.length)
        if split == 'val':
            problems += check_flags(folder / 'absence.label', video.length, None)
            problems += check_flags(folder / 'cover.label', video.length, None, most=8)
        findings.add(video, problems)
    return findings
