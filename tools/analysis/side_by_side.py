# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Make a video of two trackers side by side: A on the left, B on the right, the truth in green.

Each picture names the tracker and its overlap with the truth. The file is written atomically.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from tlpg_tools.command_line import command, describe, within
from tlpg_tools.pictures import Colour, draw_box, draw_text, enlarge
from tlpg_tools.reports import Run, load_runs
from tlpg_tools.writers import VideoFileWriter

from tlpg_mmtrack.evaluation.one_pass import TrackedVideo
from tlpg_mmtrack.evaluation.results import ResultsFolder
from tlpg_mmtrack.utils.boxes import box_overlaps, usable
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import open_source

#: Blue, green, red.
TRUTH_COLOUR = (80, 200, 60)
TRACKER_COLOURS = ((60, 60, 230), (240, 160, 40))


@dataclass(frozen=True)
class Side:
    """One tracker's half of the picture."""

    name: str
    video: TrackedVideo
    colour: Colour

    def picture(self, frame: np.ndarray, index: int) -> np.ndarray:
        """The frame, enlarged where it is small, with the truth and the tracker's box."""
        picture, scale = enlarge(frame)
        box, truth = self.video.boxes[index], self.video.truth[index]
        text = 'no truth'
        if usable(truth[None])[0]:
            draw_box(picture, truth * scale, TRUTH_COLOUR)
            text = f'overlap {box_overlaps(box[None], truth[None])[0]:.2f}'
        draw_box(picture, box * scale, self.colour)
        draw_text(picture, f'{index}  {self.name}  {text}', self.colour)
        return picture


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
        path: File to write atomically, ending in ``.mp4``.
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
    sides = [
        Side(run.name, run.videos[video], colour)
        for run, colour in zip((first, second), TRACKER_COLOURS, strict=True)
    ]
    expected, count = len(sides[0].video.boxes), 0
    source = open_source(frames)
    with VideoFileWriter(path, fps) as writer:
        # Counted here: a video file's own count of its frames is an estimate.
        for count, (index, frame) in enumerate(source, start=1):
            if count <= expected:
                if frame is None:
                    raise InputError(f'frames: frame {index} of {source.name} cannot be read')
                writer.write(np.hstack([side.picture(frame, index) for side in sides]))
        if count != expected:
            raise InputError(
                f'frames: {source.name} has {count} frames, but {expected} were tracked; pass the '
                'folder or file with exactly those'
            )
    return count


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
        '--fps',
        type=within(float, 0.1),
        default=25.0,
        help='frames a second (default: %(default)s)',
    )
    args = parser.parse_args(arguments)
    first, second = load_runs([args.first, args.second])
    frames = args.frames or find_frames(first, args.video)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    count = write_side_by_side(first, second, args.video, frames, args.out, args.fps)
    print(f'wrote {args.out}, {count} frames')


if __name__ == '__main__':
    sys.exit(main())
