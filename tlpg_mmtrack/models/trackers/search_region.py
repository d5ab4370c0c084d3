# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Where a frame is searched, and the way from its crop back to the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...ops.crop import crop_patch

if TYPE_CHECKING:
    from .options import TrackingOptions

MOST_REGIONS = 24  #: That a frame is scanned by.


@dataclass(frozen=True)
class SearchRegion:
    """The square of a frame that is cut out and searched.

    Centre and side are whole numbers, so that boxes that differ by rounding errors look at the
    same crop: else the errors of another machine or backend grow from frame to frame.
    """

    center: np.ndarray  #: (2,), (x, y) in frame pixels.
    side: float  #: In frame pixels.
    size: int  #: Side of the crop in crop pixels.

    @classmethod
    def around(cls, box: np.ndarray, options: TrackingOptions, place: float) -> SearchRegion:
        """The region around a box (x, y, width, height) in frame pixels.

        ``place`` is the crop pixel, on both axes, that shows the box's centre.
        """
        size = options.crop_size
        side = max(1.0, round(options.search_scale * float(np.sqrt(box[2] * box[3]))))
        shift = ((size - 1) / 2 - place) * side / size
        return cls(np.round(center_of(box) + shift), side, size)

    @property
    def scale(self) -> float:
        """Crop pixels per frame pixel."""
        return self.size / self.side

    def cut(self, frame: np.ndarray) -> np.ndarray:
        """(size, size, 3) crop of an (H, W, 3) uint8 frame."""
        return crop_patch(frame, self.center, self.side, self.size)

    def to_frame(self, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centre (x, y), size (width, height) in the frame of (x1, y1, x2, y2) in the crop."""
        return self.points_to_frame((box[:2] + box[2:]) / 2), (box[2:] - box[:2]) / self.scale

    def points_to_frame(self, points: np.ndarray) -> np.ndarray:
        """(..., 2), (x, y) in frame pixels, of points (..., 2), (x, y) in crop pixels."""
        return self.center + (points - (self.size - 1) / 2) / self.scale


def center_of(box: np.ndarray) -> np.ndarray:
    """(2,) centre (x, y) of a (4,) box (x, y, width, height)."""
    return box[:2] + (box[2:] - 1) / 2


def box_around(center: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(4,) box (x, y, width, height) of this centre (x, y) and (width, height)."""
    return np.concatenate((center - (size - 1) / 2, size))


def bound_by_frame(box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bound a box (x, y, width, height) by a frame (H, W, ...): its size and its centre."""
    limits = np.array([shape[1], shape[0]], dtype=np.float64)
    size = np.clip(box[2:], 2.0, np.maximum(2.0, 1.5 * limits))
    return box_around(np.clip(center_of(box), 0.0, limits - 1), size)


def scan_boxes(box: np.ndarray, shape: tuple[int, ...], scale: float) -> np.ndarray:
    """(n, 4) boxes of one size all over a frame (H, W, ...), those nearest ``box`` first.

    All are (x, y, width, height). Their search regions, of ``scale`` target sizes a side, cover
    the frame; where that would take more than 24, they are larger than the target.
    """
    frame = np.array([shape[1], shape[0]], dtype=np.float64)
    size = box[2:]
    while True:
        # The target must be whole in one of them.
        step = max(1.0, (scale - 1) * float(np.sqrt(np.prod(size))) * 0.8)
        counts = np.ceil(frame / step).astype(int)
        if counts.prod() <= MOST_REGIONS:
            break
        size = size * 1.1
    lines = [(np.arange(n) + 0.5) * side / n for n, side in zip(counts, frame, strict=True)]
    centers = np.stack(np.meshgrid(*lines), -1).reshape(-1, 2)
    away = np.linalg.norm(centers - (box[:2] + box[2:] / 2), axis=1)
    centers = centers[np.argsort(away, kind='stable')]
    return np.column_stack((centers - size / 2, np.broadcast_to(size, centers.shape)))


def near(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the centres of two boxes (x, y, width, height) are within one of their sizes."""
    way = first[:2] - second[:2] + (first[2:] - second[2:]) / 2
    return bool((np.abs(way) < np.maximum(first[2:], second[2:])).all())
