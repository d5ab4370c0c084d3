# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Make a video of two trackers side by side: A on the left, B on the right, the truth in green.

Each picture names the tracker and its overlap with the truth. The file is there whole or not at
all.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from command_line import command


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/analysis/side_by_side.py work_dirs/compare/tlpg '
        'work_dirs/compare/csrt Deer --out outputs/deer.mp4',
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
    return parser.parse_args(arguments)


def positive(text: str) -> float:
    """Read a positive, finite number."""
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f'must be positive and finite, got {text}')
    return number


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_arguments(arguments)
    from reports.runs import load_runs
    from reports.side_by_side import find_frames, write_side_by_side

    first, second = load_runs([args.first, args.second])
    frames = args.frames or find_frames(first, args.video)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    count = write_side_by_side(first, second, args.video, frames, args.out, args.fps)
    print(f'wrote {args.out}, {count} frames')


if __name__ == '__main__':
    sys.exit(main())
