# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A video of two trackers side by side, with the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tlpg_mmtrack.apis.frames import FrameSource, open_source
from tlpg_mmtrack.apis.visualization import draw_box, draw_label, enlarge
from tlpg_mmtrack.apis.writers import VideoFileWriter
from tlpg_mmtrack.evaluation.measures import TrackedVideo
from tlpg_mmtrack.evaluation.measures.boxes import box_overlaps, usable
from tlpg_mmtrack.evaluation.results import ResultsFolder
from tlpg_mmtrack.utils.errors import InputError

from .runs import Run

#: Blue, green, red.
TRUTH_COLOUR = (80, 200, 60)
TRACKER_COLOURS = ((60, 60, 230), (240, 160, 40))


def find_frames(run: Run, video: str) -> Path:
    """The folder of a video's frames, from what tools/compare.py noted in the manifest.

    Raises:
        FileNotFoundError: If nothing was noted, or nothing is there any more.
    """
    manifest = ResultsFolder(run.path).manifest_path
    try:
        frames = json.loads(manifest.read_text(encoding='utf-8'))['runs'][-1]['frames'][video]
    except (OSError, ValueError, LookupError, TypeError):
        raise FileNotFoundError(
            f'frames: {manifest} does not say where the frames of {video!r} are; pass '
            '--frames FOLDER'
        ) from None
    if not Path(frames).is_dir():
        raise FileNotFoundError(
            f'frames: {frames}, noted in {manifest}, is not there; pass --frames FOLDER'
        )
    return Path(frames)


def write_side_by_side(
    first: Run, second: Run, video: str, frames: str | Path, path: str | Path, fps: float
) -> int:
    """Write an MP4: each frame twice, with the truth, a tracker's box and its overlap.

    Args:
        first: The run shown on the left.
        second: The run shown on the right.
        video: Name of a video that both have.
        frames: Folder of pictures, or video file, with exactly the frames that were tracked.
        path: File to write, ending in ``.mp4``; there whole or not at all.
        fps: Frames a second.

    Returns:
        Number of frames written.

    Raises:
        InputError: If there is no such video, the file is no MP4, or the numbers of frames differ.
        FileNotFoundError: If there are no such frames.
    """
    if Path(path).suffix != '.mp4':
        raise InputError(f'out: {path} must end in .mp4')
    if video not in first.videos:
        raise InputError(
            f'video: {first.path} holds no {video!r}; it has {", ".join(first.videos)}'
        )
    sides = [(run.name, run.videos[video]) for run in (first, second)]
    overlaps = [box_overlaps(side.boxes, side.truth) for _, side in sides]
    expected, written = len(sides[0][1].boxes), 0
    source = open_source(frames)
    with VideoFileWriter(path, fps) as writer:
        for index, frame in source:
            # Counted here: a video file's own count of its frames is an estimate.
            _check_count(source, max(index + 1, expected), expected)
            if frame is None:
                raise InputError(f'frames: frame {index} of {source.name} cannot be read')
            panels = [
                _panel(frame, side, name, index, overlap[index], TRACKER_COLOURS[position])
                for position, ((name, side), overlap) in enumerate(
                    zip(sides, overlaps, strict=True)
                )
            ]
            writer.write(np.hstack(panels))
            written += 1
        _check_count(source, written, expected)
    return written


def _panel(
    frame: np.ndarray,
    side: TrackedVideo,
    name: str,
    index: int,
    overlap: float,
    colour: tuple[int, int, int],
) -> np.ndarray:
    picture, scale = enlarge(frame)
    known = usable(side.truth[index : index + 1])[0]
    if known:
        draw_box(picture, side.truth[index] * scale, TRUTH_COLOUR)
    draw_box(picture, side.boxes[index] * scale, colour)
    judged = f'overlap {overlap:.2f}' if known else 'no truth'
    draw_label(picture, f'{index}  {name}  {judged}', colour)
    return picture


def _check_count(source: FrameSource, count: int, expected: int) -> None:
    if count != expected:
        raise InputError(
            f'frames: {source.name} has {count} frames, but {expected} were tracked; pass the '
            'folder or file with exactly those'
        )
