# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Live pictures: a stream of the network, or a pipe."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import av
import numpy as np
from av.container import InputContainer

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.images import ByteRange

from .frames import FrameSource, PacketDecoder, packets, to_array, usable_fps

logger = logging.getLogger(__name__)

PROTOCOLS = ('http', 'https', 'rtmp', 'rtp', 'rtsp', 'rtsps', 'srt', 'tcp', 'udp')
PIPE = '-'
# Seconds: to connect, to wait for a packet, between two tries.
_TIMEOUT = (10.0, 5.0)
_PAUSE = 0.5


class StreamSource(FrameSource):
    """A live stream; where it breaks off it is connected anew.

    Args:
        address: A URL of ``PROTOCOLS``, the path of a named pipe, or ``PIPE`` for standard input.
        patience: Seconds without a picture after which the stream counts as ended. A pipe that
            ends is not opened again.

    Raises:
        InputError: If nothing can be read there, or it is a file of some length.
    """

    live = True

    def __init__(self, address: str, patience: float = 20.0) -> None:
        self.name = _without_password(address)
        self._address = 'pipe:0' if address == PIPE else address
        self._patience = patience if '://' in address else 0.0
        try:
            self._container = self._open()
        except av.FFmpegError as error:
            raise InputError(
                f'source: {self.name} cannot be read ({error.strerror}); check the address, and '
                'that it plays elsewhere'
            ) from error
        stream = self._container.streams.best('video')
        if stream is None or (self._patience and self._container.duration):
            self._container.close()
            what = 'has no video' if stream is None else 'is a file, no stream; download it'
            raise InputError(f'source: {self.name} {what}')
        self.fps = usable_fps(stream.average_rate, stream.guessed_rate)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame), once; None stands for a damaged frame."""
        index, container, seen = 0, self._container, time.monotonic()
        while container is not None:
            with container:
                for frame in _frames(container):
                    yield index, frame
                    index, seen = index + 1, time.monotonic()
            container = self._reopened(seen + self._patience)
        logger.warning('%s ended after %d frames', self.name, index)

    def _open(self) -> InputContainer:
        return av.open(self._address, timeout=_TIMEOUT)

    def _reopened(self, deadline: float) -> InputContainer | None:
        if time.monotonic() < deadline:
            logger.warning('%s broke off; connecting again', self.name)
        while time.monotonic() < deadline:
            time.sleep(_PAUSE)
            with contextlib.suppress(av.FFmpegError):
                container = self._open()
                if container.streams.best('video') is not None:
                    return container
                container.close()
        return None


def is_stream(source: str) -> bool:
    """Whether this is the address of a stream, and no path."""
    return source == PIPE or source.partition('://')[0].lower() in PROTOCOLS


def _frames(container: InputContainer) -> Iterator[np.ndarray | None]:
    decoder, to_bytes = PacketDecoder(), ByteRange()
    for packet in packets(container, container.streams.best('video')):
        for frame in decoder.decode(packet):
            yield None if frame is None else to_array(frame, to_bytes)


def _without_password(address: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition('@')[2]
    return parts._replace(netloc=host).geturl() if '://' in address else address
