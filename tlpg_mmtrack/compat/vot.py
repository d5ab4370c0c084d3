# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What mmtrack takes from the VOT toolkit, which is under the GPL: regions and their overlap.

mmtrack asks the toolkit whether a region is a code or a place, and how far two places overlap;
resetting the tracker and averaging are its own.

A region here is an array: of (4, 2) corners (x, y) of a convex quadrilateral, in pixels, or of one
number, a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

SKIPPED, STARTED, FAILED = 0, 1, 2  #: mmtrack's codes of frames in a supervised run.


def stand_in_for_vot_toolkit() -> None:
    """Let mmtrack's VOT protocol and metric run without the VOT toolkit.

    Does nothing where the toolkit is installed. See docs/evaluation.md on how its overlaps differ.
    """
    from mmtrack.evaluation.functional import eval_sot_vot
    from mmtrack.models.sot import base

    if eval_sot_vot.vot is not None:
        return
    eval_sot_vot.vot = SimpleNamespace(__name__='stand-in of tlpg_mmtrack')
    eval_sot_vot.bbox2region = base.bbox2region = to_region
    eval_sot_vot.calculate_region_overlaps = region_overlaps
    eval_sot_vot.is_special = is_special
    eval_sot_vot.Special = SimpleNamespace(UNKNOWN=SKIPPED, INITIALIZATION=STARTED, FAILURE=FAILED)
    base.calculate_region_overlap = lambda first, second, bounds=None: region_overlaps(
        [first], [second], bounds
    )[0]


def to_region(values: Sequence[float]) -> np.ndarray:
    """A region from mmtrack's format: a box (x1, y1, x2, y2), four corners, or a code."""
    values = np.asarray(values, dtype=np.float64)
    if values.size == 4:
        values = values[[0, 1, 2, 1, 2, 3, 0, 3]]
    return values if values.size == 1 else values.reshape(4, 2)


def is_special(region: np.ndarray, code: int) -> bool:
    """Whether a region is this code."""
    return region.size == 1 and region.item() == code


def region_overlaps(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    bounds: tuple[int, int] | None = None,
) -> list[float]:
    """Overlap of each pair of regions within an image (width, height); 0 where one is a code."""
    pairs = list(zip(first, second, strict=True))
    placed = [index for index, (one, other) in enumerate(pairs) if min(one.size, other.size) > 1]
    overlaps = np.zeros(len(pairs))
    if placed:
        overlaps[placed] = pixel_overlaps(
            *(np.stack(part) for part in zip(*(pairs[index] for index in placed), strict=True)),
            bounds,
        )
    return overlaps.tolist()


def pixel_overlaps(
    first: np.ndarray, second: np.ndarray, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Intersection over union of pairs of regions, counted in pixels.

    Corners are rounded down to pixels. A pixel row that a region reaches, its first and last
    included, is filled from the region's left border to its right one, both rounded down and
    included. So a box from 10.2 to 12.6 covers the three pixels 10, 11 and 12: small regions come
    out larger than they are, and regions that nearly touch overlap.

    Of (n, 4, 2) corners each, within an image (width, height) if it is given: (n,) in 0..1, 0
    where no pixel is covered.
    """
    first, second = np.floor(first), np.floor(second)
    tops = np.minimum(first[..., 1].min(axis=1), second[..., 1].min(axis=1))
    bottoms = np.maximum(first[..., 1].max(axis=1), second[..., 1].max(axis=1))
    if size is not None:
        tops, bottoms = np.maximum(tops, 0), np.minimum(bottoms, size[1] - 1)
    rows = tops[:, None] + np.arange(max(int((bottoms - tops).max(initial=0)) + 1, 1))
    inside = rows <= bottoms[:, None]
    spans = [_row_spans(region, rows, size) for region in (first, second)]
    common = (np.maximum(spans[0][0], spans[1][0]), np.minimum(spans[0][1], spans[1][1]))
    areas = [
        (np.maximum(right - left + 1, 0) * inside).sum(axis=1) for left, right in (*spans, common)
    ]
    union = areas[0] + areas[1] - areas[2]
    return np.divide(areas[2], union, out=np.zeros_like(union), where=union > 0)


def _row_spans(
    region: np.ndarray, rows: np.ndarray, size: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel, (n, rows), that regions cover in each row; first > last for none."""
    left, right = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    for corner in range(4):
        x1, y1 = region[:, corner - 1].T[..., None]
        x2, y2 = region[:, corner].T[..., None]
        crosses = (np.minimum(y1, y2) <= rows) & (rows <= np.maximum(y1, y2))
        # A horizontal edge is crossed at its start; the next edge adds its end.
        share = np.divide(rows - y1, y2 - y1, out=np.zeros(rows.shape), where=y2 != y1)
        x = np.floor(x1 + share * (x2 - x1))
        left = np.where(crosses, np.minimum(left, x), left)
        right = np.where(crosses, np.maximum(right, x), right)
    # Finite, so that the length of an empty span is a number below 1.
    empty = left > right
    left, right = np.where(empty, 0.0, left), np.where(empty, -1.0, right)
    if size is not None:
        left, right = np.maximum(left, 0.0), np.minimum(right, size[0] - 1)
    return left, right
