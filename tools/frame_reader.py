# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Any frame of a video by its number, as a page or an editor asks for them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np

from tlpg_mmtrack.utils.frames import (
    FolderSource,
    FrameSource,
    PacketDecoder,
    VideoSource,
    packets,
    read_picture,
    to_array,
)
from tlpg_mmtrack.utils.images import ByteRange

# Kinds of file with an index of their key frames; a search in others may land anywhere.
_INDEXED = ('mov,mp4,m4a,3gp,3g2,mj2', 'matroska,webm')
_NEAR = 30


class FrameReader:
    """The frames that iterating over a source yields, in any order; the next one is the quickest.

    A video of a kind with an index is read from the key frame before, others from their start.

    Args:
        source: The frames; no camera.

    Example:
        >>> frames = FrameReader(open_source('video.mp4'))
        >>> len(frames), frames[7].shape
    """

    def __init__(self, source: FrameSource) -> None:
        self.source = source
        self._to_bytes = ByteRange()
        self._times = _times(source) if isinstance(source, VideoSource) else []
        self._count = len(self._times) or self._counted()
        self._stream: Iterator[np.ndarray | None] = iter(())
        self._next = self._count
        self._last: tuple[int, np.ndarray | None] = (-1, None)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> np.ndarray | None:
        """Frame ``index``, (H, W, 3) uint8, BGR, not to be changed; None where it is corrupt.

        Raises:
            IndexError: If there is no such frame.
        """
        if not 0 <= index < self._count:
            raise IndexError(f'frame {index} of {self._count}')
        if index == self._last[0]:
            return self._last[1]
        if isinstance(self.source, FolderSource):
            return read_picture(self.source.paths[index], self._to_bytes)
        if not 0 <= index - self._next < _NEAR:
            self._stream, self._next = self._frames_from(index), index
        frame = next(islice(self._stream, index - self._next, None), None)
        self._next = index + 1
        self._last = (index, frame)
        return frame

    def _counted(self) -> int:
        if isinstance(self.source, FolderSource):
            return len(self.source.paths)
        return sum(1 for _ in self.source)

    def _frames_from(self, index: int) -> Iterator[np.ndarray | None]:
        if not self._times:
            yield from (frame for _, frame in islice(self.source, index, None))
            return
        # Where damage hides the key frame before, a search lands after the frame.
        for start in (self._times[index], None):
            frames = self._decoded(start)
            first = next(frames, None)
            if first is not None and first.pts <= self._times[index]:
                break
        for frame in chain([first], frames):
            yield from [None] * (bisect_left(self._times, frame.pts) - index)
            if frame.pts >= self._times[index]:
                yield to_array(frame, self._to_bytes)
                index = bisect_left(self._times, frame.pts) + 1
            if index == self._count:
                return

    def _decoded(self, start: int | None) -> Iterator[Any]:
        """The whole frames from the key frame before a time on; from the start if None."""
        with self.source.open() as container:
            video = container.streams.best('video')
            if start is not None:
                container.seek(start, stream=video)
            yield from _whole_frames(container, video)


def _times(source: VideoSource) -> list[int]:
    """When each frame is shown, from the first whole one on; empty where it cannot be told."""
    with source.open() as container:
        if container.format.name not in _INDEXED:
            return []
        video = container.streams.best('video')
        shown = [packet.pts for packet in packets(container, video) if packet.size]
    if None in shown or len(set(shown)) < len(shown):
        return []
    times = sorted(shown)
    with source.open() as container:
        first = next(_whole_frames(container, container.streams.best('video')))
    return times[bisect_left(times, first.pts) :]


def _whole_frames(container: Any, video: Any) -> Iterator[Any]:
    decoder = PacketDecoder()
    for packet in packets(container, video):
        yield from (frame for frame in decoder.decode(packet) if frame is not None)
