# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""LaSOT's 280 test videos: ``LaSOTBenchmark/airplane/airplane-1/{img,*.txt}``."""

from __future__ import annotations

from pathlib import Path

from .findings import (
    Findings,
    ListedVideo,
    check_boxes,
    check_flags,
    check_frames,
    last_frame,
    read_names,
)


def check_lasot(root: Path) -> Findings:
    """Check LaSOT's test videos.

    Args:
        root: Folder that holds ``LaSOTBenchmark``.
    """
    findings = Findings()
    images = root / 'LaSOTBenchmark'
    for (name,) in read_names('lasot_test.txt'):
        folder = f'{name.rpartition("-")[0]}/{name}'
        last = last_frame(images / folder / 'img')
        if last is None:
            findings.problems.append(f'{images / folder / "img"}: there are no frames')
            continue
        video = ListedVideo(f'{folder}/img', f'{folder}/groundtruth.txt', 1, last)
        problems = check_frames(images, video, '%08d.jpg')
        problems += check_boxes(images / video.boxes, video.length)
        for flag in ('full_occlusion', 'out_of_view'):
            problems += check_flags(images / folder / f'{flag}.txt', video.length, ',')
        findings.add(video, problems)
    return findings
