# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What mmtrack takes from the VOT toolkit, which is under the GPL: regions and their overlap.

mmtrack asks the toolkit whether a region is a code or a place, and how far two places overlap;
resetting the tracker and averaging are its own. The functions here answer that, with the pixel
overlaps of :mod:`tlpg_mmtrack.evaluation.supervised`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

#: mmtrack's codes of frames in a supervised run.
SKIPPED, STARTED, FAILED = 0, 1, 2


def stand_in_for_vot_toolkit() -> None:
    """Let mmtrack's VOT protocol and metric run without the VOT toolkit.

    Does nothing where the toolkit is installed. See docs/evaluation.md on how its overlaps differ.
    """
    from mmtrack.evaluation.functional import eval_sot_vot
    from mmtrack.models.sot import base

    if eval_sot_vot.vot is not None:
        return
    eval_sot_vot.vot = SimpleNamespace(__name__='stand-in of tlpg_mmtrack')
    eval_sot_vot.bbox2region = base.bbox2region = box_region
    eval_sot_vot.calculate_region_overlaps = region_overlaps
    eval_sot_vot.is_special = is_special
    eval_sot_vot.Special = SimpleNamespace(UNKNOWN=SKIPPED, INITIALIZATION=STARTED, FAILURE=FAILED)
    base.calculate_region_overlap = region_overlap


def box_region(bbox: np.ndarray) -> np.ndarray:
    """A region from mmtrack's format: with a box (x1, y1, x2, y2) as (x, y, width, height).

    The other regions are codes, of one number, and four corners, of 8; they stay.
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
    from tlpg_mmtrack.evaluation.supervised import corners, pixel_overlaps

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
