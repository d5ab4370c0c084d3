# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Outlines of objects: COCO segmentations as lists of polygons."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from tlpg_mmtrack.utils.errors import InputError


def outline_of(segmentation: Any, height: int, width: int) -> list[np.ndarray]:
    """Turn a COCO segmentation into polygons.

    Args:
        segmentation: A list of polygons [x1, y1, x2, y2, ...], or a run-length code (compressed or
            not), or None.
        height: Height of the image, which a run-length code must have.
        width: Width of the image, likewise.

    Returns:
        Polygons, each (P, 2) float32 with P >= 3, counted from pixel edges like a COCO box; empty
        if there is no mask. Those of run-length codes pass through the centres of the object's
        outermost pixels.

    Raises:
        InputError: If the segmentation is neither of the two forms, malformed, or of an image of
            another size.
    """
    if not segmentation:
        return []
    try:
        if isinstance(segmentation, dict):
            polygons = _contours(segmentation, height, width)
        elif isinstance(segmentation, list):
            polygons = [np.asarray(part, dtype=np.float32).reshape(-1, 2) for part in segmentation]
        else:
            raise ValueError(f'{type(segmentation).__name__} is not a COCO mask')
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f'segmentation: {error}; give a list of polygons or a run-length code'
        ) from error
    return [polygon for polygon in polygons if len(polygon) >= 3]


def _contours(code: dict, height: int, width: int) -> list[np.ndarray]:
    """The outer outlines of a run-length code, as polygons (P, 2) float32."""
    size, counts = code.get('size'), code.get('counts')
    # Decoded at another size, it would be a mask of something else.
    if size != [height, width] or not counts:
        raise ValueError(
            f'a run-length code needs counts and size [{height}, {width}], that of its image, '
            f'got keys {sorted(code)} and size {size}'
        )
    if isinstance(counts, list):
        # pycocotools fills what the counts leave over with whatever is in memory.
        if min(counts) < 0 or sum(counts) != height * width:
            raise ValueError(
                f'counts must not be negative and add up to the {height * width} pixels of the '
                f'image, got a sum of {sum(counts)}'
            )
        code = coco_mask.frPyObjects(code, height, width)
    contours, _ = cv2.findContours(
        coco_mask.decode(code), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return [contour.reshape(-1, 2).astype(np.float32) + 0.5 for contour in contours]
