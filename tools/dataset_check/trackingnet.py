# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TrackingNet's 511 test videos: ``TEST/frames/NAME/0.jpg`` and ``TEST/anno/NAME.txt``."""

from __future__ import annotations

from pathlib import Path

from .findings import Findings, ListedVideo, check_boxes, check_frames, last_frame

_VIDEOS = 511


def check_trackingnet(root: Path) -> Findings:
    """Check TrackingNet's test videos, of which only the first box is public.

    Args:
        root: Folder that holds ``TEST``.
    """
    findings = Findings()
    annotations = root / 'TEST' / 'anno'
    names = sorted(path.stem for path in annotations.glob('*.txt'))
    if len(names) != _VIDEOS:
        findings.problems.append(
            f'{annotations}: has {len(names)} annotation files, the test set has {_VIDEOS}'
        )
    for name in names:
        folder = root / 'TEST' / 'frames' / name
        last = last_frame(folder)
        if last is None:
            findings.problems.append(f'{folder}: there are no frames; unpack its archive')
            continue
        video = ListedVideo(f'TEST/frames/{name}', f'TEST/anno/{name}.txt', 0, last)
        problems = check_frames(root, video, '%d.jpg')
        findings.add(video, problems + check_boxes(root / video.boxes, 1))
    return findings
