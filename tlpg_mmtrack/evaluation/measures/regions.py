# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Overlap of VOT's regions: boxes and quadrilaterals, within the image.

A region is 4 numbers, a box (x, y, width, height), or 8, the corners x1, y1, ..., x4, y4 of a
convex quadrilateral, in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

from tlpg_mmtrack.utils.errors import InputError


def corners(regions: Sequence[np.ndarray]) -> np.ndarray:
    """Corners of regions.

    Args:
        regions: n regions of 4 or 8 numbers each.

    Returns:
        (n, 4, 2) corners (x, y), in order around the region.

    Raises:
        InputError: If a region has another number of values, or one that is not finite.
    """
    result = np.empty((len(regions), 4, 2))
    for index, region in enumerate(regions):
        values = np.asarray(region, dtype=np.float64)
        if values.shape not in ((4,), (8,)) or not np.isfinite(values).all():
            raise InputError(
                f'region {index}: must be 4 numbers (x, y, width, height) or 8 (four corners), '
                f'all finite, got {region}'
            )
        if len(values) == 4:
            x, y, width, height = values
            values = (x, y, x + width, y, x + width, y + height, x, y + height)
        result[index] = np.reshape(values, (4, 2))
    return result


def polygon_overlaps(
    first: np.ndarray, second: np.ndarray, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Exact intersection over union of pairs of regions.

    Args:
        first: (n, 4, 2) corners.
        second: (n, 4, 2) corners.
        size: (width, height) of the image that both are cut to; None for no limit.

    Returns:
        (n,) in 0..1; 0 where both are empty.
    """
    first, second = shapely.polygons(first), shapely.polygons(second)
    if size is not None:
        image = shapely.box(0, 0, *size)
        first = shapely.intersection(first, image)
        second = shapely.intersection(second, image)
    intersection = shapely.area(shapely.intersection(first, second))
    union = shapely.area(first) + shapely.area(second) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def pixel_overlaps(
    first: np.ndarray, second: np.ndarray, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Intersection over union of pairs of regions, counted in pixels.

    Corners are rounded down to pixels. A pixel row that a region reaches, its first and last
    included, is filled from the region's left border to its right one, both rounded down and
    included. So a box from 10.2 to 12.6 covers the three pixels 10, 11 and 12: small regions come
    out larger than they are, and regions that nearly touch overlap.

    Args:
        first: (n, 4, 2) corners of convex regions.
        second: (n, 4, 2) corners of convex regions.
        size: (width, height) of the image; pixels outside do not count. None for no limit.

    Returns:
        (n,) in 0..1; 0 where no pixel is covered.
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
    for start, end in ((0, 1), (1, 2), (2, 3), (3, 0)):
        x1, y1 = region[:, start].T[..., None]
        x2, y2 = region[:, end].T[..., None]
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
