# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Hard clips with known truth, made of the frames of easy ones; see stress.py.

Every clip starts with frames as they are, so that the target is learned; then something happens.
A clip that needs more frames than the video has goes on backwards. Nothing is random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from tlpg_mmtrack.ops.crop import warp

LEAD, TAIL = 20, 30
"""Frames before and after what happens."""
ABSENT = np.full(4, np.nan)

Shot = tuple[np.ndarray, np.ndarray]
"""A frame (H, W, 3) uint8 and the target's box (x, y, width, height), NaN where it is hidden."""


@dataclass(frozen=True)
class Source:
    """A video that clips are made of, and another one to cut to."""

    frames: list[np.ndarray]  #: (H, W, 3) uint8, BGR, all of one size.
    boxes: np.ndarray  #: (n, 4), (x, y, width, height), of a target that is always there.
    other: list[np.ndarray]  #: Frames of another video.

    def shot(self, time: int) -> Shot:
        """The frame at a time, forwards, then backwards, and so on."""
        last = len(self.frames) - 1
        index = last - abs(time % (2 * last) - last)
        return self.frames[index].copy(), self.boxes[index].copy()

    def elsewhere(self, time: int) -> np.ndarray:
        """A frame of the other video, in this one's size."""
        height, width = self.frames[0].shape[:2]
        return cv2.resize(self.other[time % len(self.other)], (width, height))


def moved(shot: Shot, matrix: np.ndarray, size: tuple[int, int] | None = None) -> Shot:
    """A shot under an affine map (2, 3) without rotation; ``size`` is the new (width, height)."""
    frame, box = shot
    width, height = size or frame.shape[1::-1]
    scale = matrix[0, 0]
    corner = matrix @ [box[0] - 0.5, box[1] - 0.5, 1] + 0.5 * np.array([1, 1])
    box = np.concatenate((corner, box[2:] * scale))
    center = box[:2] + box[2:] / 2
    inside = (center >= 0).all() and (center < (width, height)).all()
    return warp(frame, matrix, width, height), box if inside else ABSENT


def zoomed(shot: Shot, scale: float, size: tuple[int, int] | None = None) -> Shot:
    """A shot enlarged around the target, which stays in its place."""
    center = shot[1][:2] + shot[1][2:] / 2
    place = center * np.divide(size, shot[0].shape[1::-1]) if size else center
    return moved(shot, np.column_stack((np.eye(2) * scale, place - scale * center)), size)


def shifted(shot: Shot, shift: np.ndarray) -> Shot:
    """A shot moved by (x, y) pixels."""
    return moved(shot, np.column_stack((np.eye(2), shift)))


def room(shot: Shot, sizes: float) -> np.ndarray:
    """(x, y), so many target sizes towards where the frame has most room; it stays inside."""
    frame, box = shot
    space = np.array(frame.shape[1::-1]) - box[2:]
    way = np.where(box[:2] > space / 2, 0, space) - box[:2]
    return way * min(1.0, sizes * math.sqrt(box[2] * box[3]) / np.linalg.norm(way))


def painted_out(shot: Shot) -> np.ndarray:
    """The frame, what surrounds the target painted over it."""
    frame, box = shot
    mask = np.zeros(frame.shape[:2], np.uint8)
    _window(mask, box, 0.15)[:] = 1
    return cv2.inpaint(frame, mask, 3, cv2.INPAINT_TELEA)


def _window(image: np.ndarray, box: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """The part of an image inside a box that is enlarged by a share on each side."""
    left, top = np.floor(box[:2] - margin * box[2:]).astype(int).clip(0)
    right, bottom = np.ceil(box[:2] + (1 + margin) * box[2:]).astype(int).clip(0)
    return image[top:bottom, left:right]


def _pasted(frame: np.ndarray, patch: np.ndarray, corner: np.ndarray) -> None:
    """Paste a patch, in place, as far as it is inside."""
    x, y = corner.round().astype(int)
    height, width = patch.shape[:2]
    inside = frame[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    cut = patch[max(-y, 0) :, max(-x, 0) :]
    inside[:] = cut[: inside.shape[0], : inside.shape[1]]


# ------------------------------------------------------------- kinds


def skip(source: Source, step: int) -> Iterator[Shot]:
    """Every so-many-th frame, once forwards."""
    yield from (source.shot(time) for time in range(0, len(source.frames), step))


def bar(source: Source, hidden: int) -> Iterator[Shot]:
    """A striped bar passes before the target, and covers it for so many frames."""
    slide = 5
    for time in range(LEAD + hidden + 2 * slide + TAIL):
        frame, box = source.shot(time)
        # From 1, beside the target, over 0, before it, to -1.
        phase = np.interp(
            time - LEAD, [0, slide, slide + hidden, 2 * slide + hidden], [1, 0, 0, -1]
        )
        if abs(phase) < 1:
            width, height = np.ceil(box[2:] * (1.2, 3)).astype(int)
            rows = np.arange(height) // max(2, height // 24) % 2
            stripes = np.where(rows[:, None, None], (70, 90, 110), (120, 130, 120))
            patch = np.broadcast_to(stripes, (height, width, 3)).astype(np.uint8)
            start = box[:2] + box[2:] / 2 - np.array([width, height]) / 2
            _pasted(frame, patch, start + np.array([phase * width, 0]))
        yield frame, ABSENT if abs(phase) < 0.4 else box


def absent(source: Source, frames: int) -> Iterator[Shot]:
    """The target is painted out for so many frames, and comes back where it belongs."""
    for time in range(LEAD + frames + TAIL):
        shot = source.shot(time)
        gone = LEAD <= time < LEAD + frames
        yield (painted_out(shot), ABSENT) if gone else shot


def away(source: Source, frames: int) -> Iterator[Shot]:
    """Another video for so many frames; then the target is three of its sizes farther."""
    yield from map(source.shot, range(LEAD))
    yield from ((source.elsewhere(time), ABSENT) for time in range(frames))
    shift = room(source.shot(LEAD), 3.0)
    yield from (shifted(source.shot(LEAD + time), shift) for time in range(TAIL))


def cut(source: Source, sizes: float) -> Iterator[Shot]:
    """The camera jumps by so many target sizes."""
    yield from map(source.shot, range(LEAD))
    shift = room(source.shot(LEAD), sizes)
    yield from (shifted(source.shot(LEAD + time), shift) for time in range(TAIL))


def twin(source: Source, way: str) -> Iterator[Shot]:
    """A copy of the target, as it looked in the frame before.

    It ``crosses`` the target's way, passing behind; it is ``beside`` the target; or it ``stays``
    where it is when the target, painted out, is away for 40 frames.
    """
    length, away_for = 60, 40 if way == 'stays' else 0
    for time in range(LEAD + length + TAIL):
        frame, box = source.shot(time)
        before, old = source.shot(time + 1)
        copy = _window(before, old)
        gone = LEAD + 10 <= time < LEAD + 10 + away_for
        side = 1 if box[0] + box[2] / 2 < frame.shape[1] / 2 else -1
        reach = 3 - 6 * (time - LEAD) / length if way == 'crosses' else 1.5
        if LEAD <= time < LEAD + length:
            own = _window(frame, box).copy()
            if gone:
                frame = painted_out((frame, box))
            _pasted(frame, copy, old[:2] + np.array([side * reach * box[2], 0]))
            if not gone:
                _pasted(frame, own, np.floor(box[:2]).clip(0))
        yield frame, ABSENT if gone else box


def shake(source: Source, sizes: float) -> Iterator[Shot]:
    """The camera is displaced, by up to so many target sizes a frame, in a fixed rhythm."""
    for time in range(2 * LEAD + TAIL):
        shot = source.shot(time)
        angles = np.array([1.9, 2.7]) * max(0, time - LEAD)
        yield shifted(shot, sizes * np.sin(angles) * math.sqrt(np.prod(shot[1][2:])))


def zoom(source: Source, factor: float) -> Iterator[Shot]:
    """The target grows, from small to large, by a factor."""
    length = 2 * LEAD + TAIL
    for time in range(length):
        yield zoomed(source.shot(time), factor ** (time / (length - 1) - 0.5))


def size(source: Source, pixels: float) -> Iterator[Shot]:
    """The target starts with so many pixels, the root of its area."""
    scale = pixels / math.sqrt(np.prod(source.boxes[0][2:]))
    frame = np.array(source.frames[0].shape[1::-1])
    whole = np.minimum(np.ceil(frame * scale).astype(int).clip(64), 1280)
    for time in range(2 * LEAD):
        yield zoomed(source.shot(time), scale, tuple(whole))


KINDS: dict[str, Callable[[Source], Iterator[Shot]]] = {
    **{f'skip_{n}': partial(skip, step=n) for n in (2, 3, 4)},
    **{f'bar_{n}': partial(bar, hidden=n) for n in (5, 20, 60)},
    **{f'absent_{n}': partial(absent, frames=n) for n in (10, 50, 200)},
    **{f'away_{n}': partial(away, frames=n) for n in (10, 50, 200)},
    'cut': partial(cut, sizes=2.5),
    **{f'twin_{way}': partial(twin, way=way) for way in ('crosses', 'beside', 'stays')},
    'shake': partial(shake, sizes=0.5),
    'zoom': partial(zoom, factor=5.0),
    **{f'size_{n}': partial(size, pixels=n) for n in (2, 8, 400)},
}
"""What happens, by name."""
