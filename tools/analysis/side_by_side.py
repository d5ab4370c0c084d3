# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Make a video of two trackers side by side: A on the left, B on the right, the truth in green.

Each picture names the tracker and its overlap with the truth. The file is there whole or not at
all.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from tlpg_tools.command_line import command, describe
from tlpg_tools.reports import Run, load_runs

from tlpg_mmtrack.evaluation.one_pass import TrackedVideo
from tlpg_mmtrack.evaluation.results import ResultsFolder
from tlpg_mmtrack.utils.boxes import box_overlaps, usable
from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    from tlpg_mmtrack.utils.frames import FrameSource

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
    # After --help: these take seconds.
    from tlpg_tools.writers import VideoFileWriter

    from tlpg_mmtrack.utils.frames import open_source

    if Path(path).suffix != '.mp4':
        raise InputError(f'out: {path} must end in .mp4')
    if video not in first.videos:
        raise InputError(
            f'video: {first.path} holds no {video!r}; it has {", ".join(first.videos)}'
        )
    names = first.name, second.name
    sides = [run.videos[video] for run in (first, second)]
    overlaps = [box_overlaps(side.boxes, side.truth) for side in sides]
    expected = len(sides[0].boxes)
    with VideoFileWriter(path, fps) as writer:
        for index, frame in _counted(open_source(frames), expected):
            panels = [
                _panel(frame, side, name, index, overlap[index], colour)
                for side, name, overlap, colour in zip(
                    sides, names, overlaps, TRACKER_COLOURS, strict=True
                )
            ]
            writer.write(np.hstack(panels))
    return expected


def _counted(source: FrameSource, expected: int) -> Iterator[tuple[int, np.ndarray]]:
    """The frames; an InputError if one cannot be read, or there are not so many."""
    count = 0
    for index, frame in source:
        # Counted here: a video file's own count of its frames is an estimate.
        _check_count(source, max(index + 1, expected), expected)
        if frame is None:
            raise InputError(f'frames: frame {index} of {source.name} cannot be read')
        yield index, frame
        count += 1
    _check_count(source, count, expected)


def _panel(
    frame: np.ndarray,
    side: TrackedVideo,
    name: str,
    index: int,
    overlap: float,
    colour: tuple[int, int, int],
) -> np.ndarray:
    from tlpg_tools.pictures import draw_box, draw_text, enlarge

    picture, scale = enlarge(frame)
    known = usable(side.truth[index : index + 1])[0]
    if known:
        draw_box(picture, side.truth[index] * scale, TRUTH_COLOUR)
    draw_box(picture, side.boxes[index] * scale, colour)
    overlap_text = f'overlap {overlap:.2f}' if known else 'no truth'
    draw_text(picture, f'{index}  {name}  {overlap_text}', colour)
    return picture


def _check_count(source: FrameSource, count: int, expected: int) -> None:
    if count != expected:
        raise InputError(
            f'frames: {source.name} has {count} frames, but {expected} were tracked; pass the '
            'folder or file with exactly those'
        )


def positive(text: str) -> float:
    """Read a positive, finite number."""
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f'must be positive and finite, got {text}')
    return number


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(
        __doc__,
        'tools/analysis/side_by_side.py work_dirs/compare/tlpg work_dirs/compare/csrt Deer '
        '--out outputs/deer.mp4',
    )
    parser.add_argument('first', type=Path, metavar='A', help='a results folder')
    parser.add_argument('second', type=Path, metavar='B', help='another one')
    parser.add_argument('video', metavar='VIDEO', help='the video, as in A/videos/VIDEO.json')
    parser.add_argument('--out', type=Path, required=True, help='file to write, ending in .mp4')
    parser.add_argument(
        '--frames',
        type=Path,
        help='folder with the frames that were tracked, no others, or a video file of them '
        '(default: where tools/compare.py read them; needed for results of tools/test.py)',
    )
    parser.add_argument(
        '--fps', type=positive, default=25.0, help='frames a second (default: %(default)s)'
    )
    args = parser.parse_args(arguments)
    first, second = load_runs([args.first, args.second])
    frames = args.frames or find_frames(first, args.video)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    count = write_side_by_side(first, second, args.video, frames, args.out, args.fps)
    print(f'wrote {args.out}, {count} frames')


if __name__ == '__main__':
    sys.exit(main())
