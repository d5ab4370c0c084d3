# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tracking for a program that speaks TraX, such as the VOT toolkit (pip install vot-trax)."""

from __future__ import annotations

from trax import Rectangle, TraxStatus
from trax.image import Image, ImageChannel
from trax.region import Region
from trax.server import Server

from tlpg_mmtrack.apis.byte_range import ByteRange
from tlpg_mmtrack.apis.frames import read_picture
from tlpg_mmtrack.apis.tracker import Tracker


def serve(tracker: Tracker) -> None:
    """Answer requests until the other program ends the session.

    It talks through standard input and output, or through the socket that the environment variable
    ``TRAX_SOCKET`` names. One object is tracked, by boxes, in image files. An image that cannot be
    read, or lacks its end, is answered with the last box and confidence 0.

    Args:
        tracker: The tracker; each session starts it anew.

    Raises:
        ValueError: If there is not exactly one object, or the first image cannot be read.
    """
    formats = [Region.RECTANGLE], [Image.PATH], [ImageChannel.COLOR]
    to_bytes = ByteRange()
    with Server(*formats, tracker_name='TLPG', metadata={'vot': 'python'}) as server:
        while True:
            request = server.wait()
            if request.type == TraxStatus.QUIT:
                return
            path = request.image[ImageChannel.COLOR].path()
            frame = read_picture(path, to_bytes)
            if request.type == TraxStatus.INITIALIZE:
                if frame is None:
                    raise ValueError(f'TraX: the first image, {path}, cannot be read')
                box = _only_box(request.objects)
                tracker.init(frame, box)
                server.status([(Rectangle.create(*box), {})])
            else:
                result = tracker.track(frame)
                confidence = {'confidence': f'{result.score:.6f}'}
                server.status([(Rectangle.create(*result.box), confidence)])


def _only_box(objects: list) -> tuple[float, float, float, float]:
    if len(objects) != 1:
        raise ValueError(f'TraX: one object can be tracked at a time, got {len(objects)}')
    region, _ = objects[0]
    return region.bounds()
