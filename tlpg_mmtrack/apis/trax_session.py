# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tracking for a program that speaks TraX, such as the VOT toolkit (pip install vot-trax)."""

from __future__ import annotations

from tlpg_mmtrack.apis.frames import read_picture
from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.utils.errors import InputError, PackageError
from tlpg_mmtrack.utils.images import ByteRange

try:
    from trax import Rectangle, TraxException, TraxStatus
    from trax.image import Image, ImageChannel
    from trax.region import Region
    from trax.server import Request, Server
except ModuleNotFoundError as error:
    raise PackageError('TraX is not installed; pip install vot-trax') from error


def serve(tracker: Tracker) -> None:
    """Answer requests until the other program ends the session.

    It talks through standard input and output, or through the socket that the environment variable
    ``TRAX_SOCKET`` names. One object is tracked, by boxes, in image files. An image that cannot be
    read, or lacks its end, is answered with the last box and confidence 0.

    Args:
        tracker: The tracker; each session starts it anew.

    Raises:
        InputError: If there is not exactly one object, the first image cannot be read, or what the
            other program says is not understood.
    """
    formats = [Region.RECTANGLE], [Image.PATH], [ImageChannel.COLOR]
    server = Server(*formats, tracker_name='TLPG', metadata={'vot': 'python'})
    # Not as a context, which would print the traceback of a user's mistake.
    try:
        _answer_requests(server, tracker)
    except Exception as error:
        server.quit(reason=str(error))
        raise
    server.quit()


def _answer_requests(server: Server, tracker: Tracker) -> None:
    to_bytes = ByteRange()
    while (request := _next_request(server)).type != TraxStatus.QUIT:
        path = request.image[ImageChannel.COLOR].path()
        frame = read_picture(path, to_bytes)
        if request.type == TraxStatus.INITIALIZE:
            if frame is None:
                raise InputError(f'TraX: the first image, {path}, cannot be read')
            box = _only_box(request.objects)
            tracker.init(frame, box)
            server.status([(Rectangle.create(*box), {})])
        else:
            result = tracker.track(frame)
            confidence = {'confidence': f'{result.score:.6f}'}
            server.status([(Rectangle.create(*result.box), confidence)])


def _next_request(server: Server) -> Request:
    try:
        return server.wait()
    except TraxException as error:
        raise InputError(
            f'TraX: {error}. Its parser takes ASCII only: rename folders and images whose names '
            'have other letters'
        ) from error


def _only_box(objects: list) -> tuple[float, float, float, float]:
    if len(objects) != 1:
        raise InputError(f'TraX: one object can be tracked at a time, got {len(objects)}')
    region, _ = objects[0]
    return region.bounds()
