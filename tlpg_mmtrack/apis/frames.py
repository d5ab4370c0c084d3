# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading frames: from a video file, a folder of pictures or a camera, one at a time."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from tlpg_mmtrack.datasets.image_files import decode_image, truncated_image
from tlpg_mmtrack.files.natural_order import natural_key

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')
DEFAULT_FPS = 25.0
"""Frames a second where a source does not say."""
_MAX_FAILED_READS = 100
_MAX_CAMERA = 2**31 - 1


class FrameSource:
    """A stream of frames. Iterating yields (index, frame), from index 0.

    A frame is (H, W, 3) uint8, BGR, or None where it is corrupt. No more than one frame is held.

    Attributes:
        name: What the user called it.
        fps: Frames a second.
        frame_count: Number of frames by the source's own account; None if it has no end.
    """

    name: str
    fps: float
    frame_count: int | None

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame)."""
        raise NotImplementedError


class VideoSource(FrameSource):
    """The frames of a video file.

    Where the file promises more frames than can be read, as a truncated one does, what there is is
    yielded and a warning logged.

    Args:
        path: A file of a kind that OpenCV reads.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is empty, no video, or holds no readable frame.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.name = str(path)
        if not self.path.is_file():
            raise FileNotFoundError(f'source: {path} is not a file; check the path')
        if self.path.stat().st_size == 0:
            raise ValueError(f'source: {path} is an empty file; pass a video')
        capture = self._open()
        self.fps = _sound_fps(capture)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.frame_count = count if count > 0 else None
        readable, _ = capture.read()
        capture.release()
        if not readable:
            raise ValueError(
                f'source: {path} has no readable frame; it is truncated or of an unknown codec'
            )

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame); None stands for a frame that later ones follow."""
        capture = self._open()
        try:
            index = failed = 0
            # The count is an estimate in some formats: only a failed read ends the video.
            while failed == 0 or (self._expects(index + failed) and failed < _MAX_FAILED_READS):
                ok, frame = capture.read()
                if not ok:
                    failed += 1
                    continue
                for _ in range(failed):
                    yield index, None
                    index += 1
                failed = 0
                yield index, frame
                index += 1
        finally:
            capture.release()
        if self._expects(index) and self.frame_count is not None:
            logger.warning(
                '%s ends after %d of %d frames: the file seems truncated or damaged',
                self.path,
                index,
                self.frame_count,
            )

    def _expects(self, index: int) -> bool:
        return self.frame_count is None or index < self.frame_count

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise ValueError(
                f'source: {self.path} cannot be opened as a video; '
                'it is truncated, damaged or of another kind'
            )
        return capture


class FolderSource(FrameSource):
    """The pictures in a folder, in natural order (2.jpg before 10.jpg).

    Args:
        path: The folder; hidden files and files that are no pictures are passed over.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds no picture.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        folder = Path(path)
        if not folder.is_dir():
            raise FileNotFoundError(f'source: {path} is not a folder; check the path')
        self.paths = sorted(
            (file for file in folder.iterdir() if _is_picture(file)),
            key=lambda file: natural_key(file.name),
        )
        if not self.paths:
            raise ValueError(f'source: {path} holds no picture ({", ".join(IMAGE_SUFFIXES)})')
        self.fps = DEFAULT_FPS
        self.frame_count = len(self.paths)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame); None stands for a file that cannot be read, or lacks its end."""
        for index, path in enumerate(self.paths):
            yield index, read_picture(path)


class CameraSource(FrameSource):
    """A camera's live pictures, without end, once: when the loop is left the camera is let go.

    Args:
        index: Number of the camera, from 0.

    Raises:
        ValueError: If there can be no such camera, or it does not answer.
    """

    def __init__(self, index: int) -> None:
        # OpenCV takes the number as a C int.
        if index > _MAX_CAMERA:
            raise ValueError(
                f'source: {index} is neither a file nor the number of a camera (at most '
                f'{_MAX_CAMERA}); check the path'
            )
        self.name = f'camera {index}'
        self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise ValueError(
                f'source: camera {index} cannot be opened; check that it is connected and that '
                'no other program uses it'
            )
        self.fps = _sound_fps(self._capture)
        self.frame_count = None

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
        source: Path of a video file or of a folder of pictures, or the number of a camera (digits
            that are also the name of a file mean the file).

    Raises:
        FileNotFoundError: If there is nothing of that name.
        ValueError: If it holds no readable frame.
    """
    path = Path(str(source))
    if path.is_dir():
        return FolderSource(path)
    if not path.exists() and re.fullmatch(r'\d+', str(source)):
        return CameraSource(int(source))
    return VideoSource(path)


def read_picture(path: str | Path) -> np.ndarray | None:
    """Read one picture file as a frame.

    Args:
        path: The file; grey, 16-bit and 4-channel pictures are converted.

    Returns:
        (H, W, 3) uint8, BGR, or None, with a logged warning that names the file, if it cannot be
        read, or is a JPEG without its end.
    """
    frame = decode_image(path)
    if frame is None:
        reason: str | None = f'{path}: cannot be read as an image'
    else:
        # OpenCV makes the missing part grey, which the tracker would learn from.
        reason = truncated_image(path)
    if reason is None:
        return frame
    logger.warning('%s; the frame counts as corrupt', reason)
    return None


def _is_picture(file: Path) -> bool:
    # Hidden files hold no picture: macOS puts ._1.jpg beside 1.jpg.
    return file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith('.')


def _sound_fps(capture: cv2.VideoCapture) -> float:
    fps = capture.get(cv2.CAP_PROP_FPS)
    return fps if 0 < fps <= 1000 else DEFAULT_FPS
