# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""OTB-100: ``data/Basketball/{img,groundtruth_rect.txt}``, with its exceptions.

``lists/otb100.txt`` holds, for each of 100 targets, folder, annotation file, first and last frame.
David starts at frame 300, three of the BlurCar videos at the first frame that there is; Football1,
Freeman3, Freeman4 and Diving end before their last frame. Jogging and Skating2 have two targets;
of Human4's two files the first is empty. Board's frames have five digits, all others' four.
"""

from __future__ import annotations

from pathlib import Path

from .findings import Findings, ListedVideo, check_boxes, check_frames, read_names

#: Boxes before the first frame that is tracked: mmtrack's reader drops them.
_SKIPPED_BOXES = {'Tiger1': 5}


def check_otb100(root: Path) -> Findings:
    """Check OTB-100.

    Args:
        root: Folder that holds ``data``.
    """
    findings = Findings()
    for folder, boxes, first, last in read_names('otb100.txt'):
        video = ListedVideo(f'data/{folder}/img', f'data/{folder}/{boxes}', int(first), int(last))
        digits = 5 if folder == 'Board' else 4
        problems = check_frames(root, video, f'%0{digits}d.jpg')
        problems += check_boxes(
            root / video.boxes,
            video.length + _SKIPPED_BOXES.get(folder, 0),
            whole=True,
        )
        findings.add(video, problems)
    return findings
