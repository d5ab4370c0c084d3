# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""VOT2018's 60 short-term videos: ``data/ants1/{color,groundtruth.txt}``."""

from __future__ import annotations

from pathlib import Path

from .findings import Findings, ListedVideo, check_boxes, check_frames, last_frame, read_names


def check_vot2018(root: Path) -> Findings:
    """Check VOT2018. A line is a box of 4 numbers, or a quadrilateral of 8.

    Args:
        root: Folder that holds ``data``.
    """
    findings = Findings()
    for (name,) in read_names('vot2018.txt'):
        folder = root / 'data' / name / 'color'
        last = last_frame(folder)
        if last is None:
            findings.problems.append(f'{folder}: there are no frames')
            continue
        video = ListedVideo(f'data/{name}/color', f'data/{name}/groundtruth.txt', 1, last)
        problems = check_frames(root, video, '%08d.jpg')
        findings.add(video, problems + check_boxes(root / video.boxes, video.length))
    return findings
