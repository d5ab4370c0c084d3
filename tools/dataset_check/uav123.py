# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""UAV123: 123 targets in 91 folders of frames; ``lists/uav123.txt`` says which frames."""

from __future__ import annotations

from pathlib import Path

from .findings import Findings, ListedVideo, check_boxes, check_frames, read_names


def check_uav123(root: Path) -> Findings:
    """Check UAV123. A line of NaN says that the target is not in the picture.

    Args:
        root: Folder that holds ``data_seq`` and ``anno``.
    """
    findings = Findings()
    for name, folder, first, last in read_names('uav123.txt'):
        video = ListedVideo(
            f'data_seq/UAV123/{folder}', f'anno/UAV123/{name}.txt', int(first), int(last)
        )
        problems = check_frames(root, video, '%06d.jpg')
        findings.add(video, problems + check_boxes(root / video.boxes, video.length, nan=True))
    return findings
