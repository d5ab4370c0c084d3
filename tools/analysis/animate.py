# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Make a moving picture (animated WebP) of a video, to be shown on a page.

The README's is made by

    python tools/demo.py --out outputs/demo
    python tools/analysis/animate.py outputs/demo/tracked.mp4 docs/images/tracking.webp
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tlpg_tools.command_line import command, describe

EVERY = 2
"""Frames of the video for one of the picture's."""


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Convert a video."""
    parser = describe(__doc__)
    parser.add_argument('video', type=Path)
    parser.add_argument('out', type=Path, help='.webp')
    args = parser.parse_args(arguments)

    from PIL import Image

    from tlpg_mmtrack.utils.frames import open_source

    source = open_source(args.video)
    pictures = [
        Image.fromarray(frame[..., ::-1])
        for index, frame in source
        if index % EVERY == 0 and frame is not None
    ]
    pictures[0].save(
        args.out,
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 * EVERY / source.fps),
        loop=0,
        quality=70,
        method=6,
    )
    print(f'{args.out}: {len(pictures)} frames, {args.out.stat().st_size / 1e6:.2f} MB')


if __name__ == '__main__':
    sys.exit(main())
