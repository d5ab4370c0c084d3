# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What mmtrack takes from the VOT toolkit, which is under the GPL: regions and their overlap.

mmtrack asks the toolkit whether a region is a code or a place, and how far two places overlap;
resetting the tracker and averaging are its own. The functions here answer that, with the pixel
overlaps of :mod:`.measures.regions`; :mod:`tlpg_mmtrack.compat` gives them to mmtrack, so that its
VOT protocol and metric run without the toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .measures.regions import corners, pixel_overlaps


def box_region(bbox: np.ndarray) -> np.ndarray:
    """A region from mmtrack's format.

    Args:
        bbox: One number, a code; 4, a box (x1, y1, x2, y2); or 8, four corners.

    Returns:
        The same with a box as (x, y, width, height), float64.
    """
    bbox = np.asarray(bbox, dtype=np.float64)
    return np.concatenate((bbox[:2], bbox[2:] - bbox[:2])) if len(bbox) == 4 else bbox


def region_overlap(
    first: np.ndarray, second: np.ndarray, bounds: tuple[int, int] | None = None
) -> float:
    """Overlap of two regions within an image of ``bounds`` (width, height); 0 for a code."""
    return region_overlaps([first], [second], bounds)[0]


def region_overlaps(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    bounds: tuple[int, int] | None = None,
) -> list[float]:
    """Overlap of each pair of regions; 0 where one is a code."""
    placed = [
        index
        for index, pair in enumerate(zip(first, second, strict=True))
        if min(len(region) for region in pair) > 1
    ]
    overlaps = np.zeros(len(first))
    overlaps[placed] = pixel_overlaps(
        corners([first[index] for index in placed]),
        corners([second[index] for index in placed]),
        bounds,
    )
    return overlaps.tolist()


def is_special(region: np.ndarray, code: int) -> bool:
    """Whether a region is this code."""
    return len(region) == 1 and region[0] == code
