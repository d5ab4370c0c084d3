# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Track for the VOT toolkit, or another program that speaks TraX. Needs: pip install vot-trax.

Usage: python tools/trax_tracker.py [--config FILE] [--checkpoint FILE] [--device NAME] [--seed N]

In the toolkit's trackers.ini:

    [TLPG]
    label = TLPG
    protocol = trax
    command = python /path/to/tools/trax_tracker.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tlpg_tools.command_line import add_tracker, command, describe

from tlpg_mmtrack.utils.errors import InputError, PackageError

if TYPE_CHECKING:
    from tlpg_mmtrack import Tracker


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = describe(__doc__)
    add_tracker(parser)
    return parser.parse_args(arguments)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the other program ends the session."""
    args = parse_args(arguments)
    # After --help: it takes seconds.
    from tlpg_mmtrack import Tracker

    serve(Tracker.from_pretrained(args.config, args.checkpoint, args.device, args.seed))


def serve(tracker: Tracker) -> None:
    """Answer requests until the other program ends the session.

    It talks through standard input and output, or through the socket that the environment variable
    ``TRAX_SOCKET`` names. One object is tracked, by boxes, in image files. An image that cannot be
    read, or lacks its end, is answered with the last box and confidence 0.

    Raises:
        InputError: If there is not exactly one object, the first image cannot be read, or what the
            other program says is not understood.
        PackageError: If TraX is not installed.
    """
    try:
        from trax.image import Image, ImageChannel
        from trax.region import Region
        from trax.server import Server
    except ModuleNotFoundError as error:
        raise PackageError('TraX is not installed; pip install vot-trax') from error
    formats = [Region.RECTANGLE], [Image.PATH], [ImageChannel.COLOR]
    server = Server(*formats, tracker_name='TLPG', metadata={'vot': 'python'})
    # Not as a context, which would print the traceback of a user's mistake.
    try:
        answer_requests(server, tracker)
    except Exception as error:
        server.quit(reason=str(error))
        raise
    server.quit()


def answer_requests(server: Any, tracker: Tracker) -> None:
    """Start the tracker, as often as asked, and track."""
    from trax import Rectangle, TraxStatus
    from trax.image import ImageChannel

    from tlpg_mmtrack.utils.frames import read_picture
    from tlpg_mmtrack.utils.images import ByteRange

    to_bytes = ByteRange()
    while (request := next_request(server)).type != TraxStatus.QUIT:
        path = request.image[ImageChannel.COLOR].path()
        frame = read_picture(path, to_bytes)
        if request.type == TraxStatus.INITIALIZE:
            if frame is None:
                raise InputError(f'TraX: the first image, {path}, cannot be read')
            if len(request.objects) != 1:
                count = len(request.objects)
                raise InputError(f'TraX: one object can be tracked at a time, got {count}')
            box = request.objects[0][0].bounds()
            tracker.init(frame, box)
            server.status([(Rectangle.create(*box), {})])
        else:
            result = tracker.track(frame)
            confidence = {'confidence': f'{result.score:.6f}'}
            server.status([(Rectangle.create(*result.box), confidence)])


def next_request(server: Any) -> Any:
    """Wait for a request, and explain one that cannot be parsed."""
    from trax import TraxException

    try:
        return server.wait()
    except TraxException as error:
        raise InputError(
            f'TraX: {error}. Its parser takes ASCII only: rename folders and images whose names '
            'have other letters'
        ) from error


if __name__ == '__main__':
    sys.exit(main())
