#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Turn a file of boxes into another tool's: CVAT, Label Studio, COCO, MOTChallenge, VOT, OTB.

docs/labelling.md says what each format keeps.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tlpg_tools.command_line import command, describe

# Not imported: `--help` answers at once.
FORMATS = ('csv', 'coco', 'cvat', 'labelstudio', 'mot', 'vot', 'otb')


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Convert."""
    parser = describe(
        __doc__, 'tools/convert.py outputs/mine/boxes.csv boxes.xml --to cvat --video my_video.mp4'
    )
    parser.add_argument('boxes', type=Path, help='file of boxes to read')
    parser.add_argument('out', type=Path, help='file to write; one that is there is replaced')
    parser.add_argument(
        '--from', dest='source', choices=FORMATS, help='format to read (default: by the file)'
    )
    parser.add_argument('--to', choices=FORMATS, required=True, help='format to write')
    parser.add_argument(
        '--video', help='the video: its name, frame size, frames a second and their number'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help='frame size in pixels, without --video, where the format needs it',
    )
    parser.add_argument('--target', help='write this target alone; vot and otb hold one')
    args = parser.parse_args(arguments)
    from tlpg_mmtrack.formats import read_boxes_of_video, write_boxes_of_video
    from tlpg_mmtrack.utils.errors import InputError

    if args.out.exists() and args.boxes.exists() and args.out.samefile(args.boxes):
        raise InputError(f'out: {args.out} is the file to read; pass another, so that it stays')
    size = tuple(args.size) if args.size else None
    boxes = read_boxes_of_video(args.boxes, args.source, args.video, size)
    if not boxes.records:
        raise InputError(f'boxes: {args.boxes} holds no box; pass a file with some')
    if args.target is not None:
        boxes = boxes.only(args.target)
    write_boxes_of_video(boxes, args.out, args.to)
    print(f'wrote {args.out}: {len(boxes.records)} boxes of {len(boxes.targets)} targets')


if __name__ == '__main__':
    sys.exit(main())
