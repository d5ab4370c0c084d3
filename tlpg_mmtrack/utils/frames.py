# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading frames, one at a time: a video file, a folder or file of pictures, a camera."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.stream import Disposition, Stream

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.images import (
    AS_STORED,
    ByteRange,
    decode_image,
    is_picture_name,
    picture_paths,
    truncated_image,
)

logger = logging.getLogger(__name__)

# A forked process that collects a decoded frame waits for threads of FFmpeg that it does not have.
os.register_at_fork(after_in_child=gc.freeze)

DEFAULT_FPS = 25.0  #: Frames a second where a source does not say.
_MAX_FAILED_READS = 100
_CUT_TOLERANCE = 0.5
_NO_VIDEO = 'cannot be opened as a video; it is truncated, damaged or none: pass another'
_SINGLE_PICTURE = 'is a single picture; pass its folder, or a video'


class FrameSource:
    """A stream of frames. Iterating yields (index, frame), from index 0.

    A frame is (H, W, 3) uint8, BGR, or None where it is corrupt. No more than one frame is held.

    Attributes:
        name: What the user called it.
        fps: Frames a second; the mean where it varies.
        frame_count: Number of frames, for video files an estimate; None where it is not known.
        live: Whether frames come whether or not somebody takes them.
    """

    live = False
    name: str
    fps: float = DEFAULT_FPS
    frame_count: int | None = None

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame)."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the loop over a live source; others end by being left."""


class VideoSource(FrameSource):
    """The frames of a video file, as FFmpeg decodes them.

    They are turned as the file says and keep their sizes; of an interlaced video each holds both
    fields. A file that ends before the time in its header is read as far as it goes, and a warning
    logged. An InputError if there is no such file, it is no video or a single picture, or it holds
    no readable frame.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = _existing_file(path)
        self.name = str(path)
        with self.open() as container:
            stream = container.streams.best('video')
            self.fps = usable_fps(stream.average_rate, stream.guessed_rate)
            seconds = (container.duration or 0) / av.time_base
            self.frame_count = stream.frames or round(seconds * self.fps) or None
            if all(frame is None for frame in self._decoded(container)):
                raise InputError(
                    f'source: {path} has no readable frame; it is truncated or of an unknown codec'
                )

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame) from the first whole frame on; None stands for a damaged one."""
        index, to_bytes = 0, ByteRange()
        with self.open() as container:
            for frame in self._decoded(container):
                if frame is None and index == 0:
                    continue
                yield index, None if frame is None else to_array(frame, to_bytes)
                index += 1

    def _decoded(self, container: InputContainer) -> Iterator[av.VideoFrame | None]:
        end, decoder = 0.0, PacketDecoder()
        video = container.streams.best('video').index
        # All streams: where sound outlasts the picture, only both show where the file ends.
        for packet in packets(container):
            end = max(end, _end_of(packet))
            if packet.stream.index == video:
                yield from decoder.decode(packet)
        self._warn_if_cut(container, end)

    def open(self) -> InputContainer:
        """Open the file; the caller closes it."""
        try:
            # The prefix keeps FFmpeg from taking a:b.mp4 for a protocol, the option from fetching
            # what a playlist names.
            container = av.open(f'file:{self.path}', options={'protocol_whitelist': 'file'})
        except av.FFmpegError as error:
            raise InputError(f'source: {self.path} {_NO_VIDEO}') from error
        problem = _unlike_video(container)
        if problem is not None:
            container.close()
            raise InputError(f'source: {self.path} {problem}')
        return container

    def _warn_if_cut(self, container: InputContainer, end: float) -> None:
        promised = (container.duration or 0) / av.time_base
        seconds = end - (container.start_time or 0) / av.time_base
        # Some formats do not say how long the last frame is shown.
        if seconds < promised - _CUT_TOLERANCE - 2 / self.fps:
            logger.warning(
                f'{self.path} ends after {seconds:.1f} of the {promised:.1f} seconds that its '
                'header promises; it may be truncated or damaged'
            )


class FolderSource(FrameSource):
    """The pictures in a folder, as :func:`~tlpg_mmtrack.utils.images.picture_paths` finds them."""

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self.paths = picture_paths(path)
        self.frame_count = len(self.paths)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame); None stands for a file that cannot be read, or lacks its end."""
        to_bytes = ByteRange()
        for index, path in enumerate(self.paths):
            yield index, read_picture(path, to_bytes)


class PagesSource(FrameSource):
    """The pages of a picture file, such as a TIFF.

    An InputError if there is no such file, it cannot be read, or it has a single page.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = _existing_file(path)
        self.name = str(path)
        self.frame_count = cv2.imcount(str(path))
        if self.frame_count == 0:
            raise InputError(f'source: {path} cannot be read as an image; it is damaged')
        if self.frame_count == 1:
            raise InputError(f'source: {path} {_SINGLE_PICTURE}')

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame); None stands for a page that cannot be read."""
        to_bytes = ByteRange()
        for index in range(self.frame_count):
            try:
                _, pages = cv2.imreadmulti(str(self.path), index, 1, flags=AS_STORED)
            except cv2.error:
                pages = ()
            yield index, to_bytes(pages[0]) if pages else None


class CameraSource(FrameSource):
    """A camera's live pictures, without end, once: when the loop is left, it is released.

    By its number, from 0; an InputError if it does not answer.
    """

    live = True

    def __init__(self, index: int) -> None:
        self.name = f'camera {index}'
        self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise InputError(
                f'source: camera {index} cannot be opened; check that it is connected and that '
                'no other program uses it'
            )
        self.fps = usable_fps(self._capture.get(cv2.CAP_PROP_FPS))

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame); ends when the camera stops answering."""
        index = failed = 0
        try:
            while failed < _MAX_FAILED_READS:
                ok, frame = self._capture.read()
                failed = 0 if ok else failed + 1
                yield index, frame if ok else None
                index += 1
        finally:
            self._capture.release()
        logger.warning('%s stopped answering after %d frames', self.name, index - failed)


def open_source(source: str | Path | int) -> FrameSource:
    """Open frames of any kind.

    Args:
        source: Path of a video file, of a folder of pictures or of a picture file with several
            pages; the number of a camera, or its device, as /dev/video0 (digits that are also the
            name of a file mean the file); the URL of a stream, such as rtsp://...; a named pipe,
            or - for standard input.

    Raises:
        InputError: If there is nothing of that name, or it holds no readable frame.
    """
    from .live import StreamSource, is_stream

    path = Path(str(source))
    if is_stream(str(source)) or path.is_fifo():
        return StreamSource(str(source))
    # By what it leads to: cameras have longer names too, that stay theirs.
    device = re.fullmatch(r'/dev/video(\d+)', str(path.resolve()))
    if device:
        return CameraSource(int(device[1]))
    if path.is_dir():
        return FolderSource(path)
    # Longer numbers are no camera's: OpenCV takes a C int.
    if not path.exists() and re.fullmatch(r'\d{1,9}', str(source)):
        return CameraSource(int(source))
    return PagesSource(path) if is_picture_name(path.name) else VideoSource(path)


def read_picture(path: str | Path, to_bytes: ByteRange) -> np.ndarray | None:
    """Read one picture file as a frame, (H, W, 3) uint8, BGR.

    None, with a logged warning that names the file, if it cannot be read, or is a JPEG without its
    end. ``to_bytes`` is that of its video.
    """
    frame = decode_image(path, to_bytes)
    # OpenCV makes a missing part grey, which the tracker would learn from.
    fault = f'{path}: cannot be read as an image' if frame is None else truncated_image(path)
    if fault is None:
        return frame
    logger.warning('%s; the frame counts as corrupt', fault)
    return None


class PacketDecoder:
    """Decodes the packets of one stream; None stands for a frame that is damaged."""

    def __init__(self) -> None:
        self._damaged: set[int] = set()

    def decode(self, packet: av.Packet) -> Iterator[av.VideoFrame | None]:
        """Yield the frames that a packet completes, as shown; the empty last one, the rest."""
        try:
            frames, damaged = packet.decode(), packet.is_corrupt
        except av.FFmpegError:
            frames, damaged = [], packet.size > 0
        if damaged:
            self._damaged.add(_time(packet))
        for frame in frames:
            # Packets come in another order than their frames are shown in.
            passed = {time for time in self._damaged if time <= _time(frame)}
            self._damaged -= passed
            corrupt = frame.is_corrupt or _time(frame) in passed
            yield from [None] * len(passed - {_time(frame)})
            yield None if corrupt else frame
        if packet.size == 0:
            yield from [None] * len(self._damaged)


def packets(container: InputContainer, *streams: Stream) -> Iterator[av.Packet]:
    """The packets of these streams, or of all; up to the first that the file does not yield."""
    with contextlib.suppress(av.FFmpegError):
        yield from container.demux(*streams)


def _unlike_video(container: InputContainer) -> str | None:
    kind, stream = container.format.name, container.streams.best('video')
    if kind.endswith('_pipe'):
        return _SINGLE_PICTURE
    # FFmpeg draws text as a terminal does; songs have a cover.
    if stream is None or kind == 'tty' or stream.disposition & Disposition.attached_pic:
        return _NO_VIDEO
    return None


def to_array(frame: av.VideoFrame, to_bytes: ByteRange) -> np.ndarray:
    """A decoded picture as a frame, (H, W, 3) uint8, BGR, turned as the file says."""
    pixels = 'gray16le' if frame.format.name.startswith('gray16') else 'bgr24'
    picture = to_bytes(frame.to_ndarray(format=pixels))
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90)))


def _time(item: av.Packet | av.VideoFrame) -> int:
    """When it is shown; where not even its order is known, before all else."""
    return next((time for time in (item.pts, item.dts) if time is not None), -1)


def _end_of(packet: av.Packet) -> float:
    if packet.pts is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _existing_file(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise InputError(f'source: {path} is not a file; check the path')
    if path.stat().st_size == 0:
        raise InputError(f'source: {path} is an empty file; pass a video')
    return path


def usable_fps(*rates: float | None) -> float:
    """The first of these frames a second that can be true; ``DEFAULT_FPS`` if none can."""
    return next((float(rate) for rate in rates if rate and 0 < rate <= 1000), DEFAULT_FPS)
