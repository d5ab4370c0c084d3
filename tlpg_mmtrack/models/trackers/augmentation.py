# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The augmented crops of the first frame that a target model is learned from."""

from __future__ import annotations

import cv2
import numpy as np

from ...ops.crop import affine_map, average_pixels, linear_map, resample
from .search_region import center_of

#: Largest relative change in scale: a box learned from unscaled crops knows no size. Drawn evenly
#: in size, not in its logarithm: the offset kernel regresses sizes and falls back to their mean
#: where it is unsure, which must therefore be the true size, or the box grows from frame to frame.
SCALE = 0.4
ASPECT = 0.25  #: Largest logarithm of the change in aspect.
SHIFT = 0.6  #: Largest shift of the target, in target sizes.
ROTATIONS = (-45.0, -10.0, 10.0, 45.0)  #: Rotations in degrees (DiMP's).
#: Gaussian blurs, sigma in x and y in crop pixels (DiMP's).
BLURS = ((3.0, 1.0), (1.0, 3.0), (2.0, 2.0))


def first_frame_crops(
    frame: np.ndarray,
    box: np.ndarray,
    side: float,
    size: int,
    warps: int,
    generator: np.random.Generator,
    place: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Crops of the first frame: the plain one, DiMP's, and warps in scale, aspect and position.

    Args:
        frame: (H, W, 3) uint8.
        box: (4,), (x, y, width, height) in frame pixels.
        side: Side of the square search region in frame pixels.
        size: Side of the crops in crop pixels.
        warps: Number of crops warped in scale, aspect and position.
        generator: Where the warps are drawn from.
        place: Crop pixel, on both axes, of the target's centre where it is not shifted; by default
            the crop's middle.

    Returns:
        (n, size, size, 3) uint8 crops, the plain one first, and their boxes (n, 4) float32,
        (x1, y1, x2, y2) in crop pixels.
    """
    place = (size - 1) / 2 if place is None else place
    extent = box[2:] * size / side
    # As the crops of later frames are made, so that the target looks the same in both.
    frame, block = average_pixels(frame, size / side)
    center, scale = (center_of(box) + 0.5) / block - 0.5, size / side * block
    crops, boxes = [], []
    for stretch, angle, shift in _recipes(extent, warps, generator):
        middle = place + shift
        matrix = affine_map(linear_map(*stretch, angle) * scale, center, middle)
        crops.append(resample(frame, matrix, size, size))
        half = extent * np.abs(stretch) / 2
        boxes.append(np.concatenate((middle - half, middle + half)))
    first_blurred = 2 + len(ROTATIONS)
    for index, (sigma_x, sigma_y) in enumerate(BLURS, start=first_blurred):
        crops[index] = cv2.GaussianBlur(crops[index], (0, 0), sigma_x, sigmaY=sigma_y)
    return np.stack(crops), np.stack(boxes).astype(np.float32)


def _recipes(
    extent: np.ndarray, warps: int, generator: np.random.Generator
) -> list[tuple[np.ndarray, float, np.ndarray]]:
    """Of each crop the target's stretch (2,), rotation (degrees) and shift (2,) in crop pixels."""
    still = np.zeros(2)
    recipes = [(np.ones(2), 0.0, still), (np.array([-1.0, 1.0]), 0.0, still)]
    recipes += [(np.ones(2), angle, _shift(extent, generator)) for angle in ROTATIONS]
    recipes += [(np.ones(2), 0.0, _shift(extent, generator)) for _ in BLURS]
    for _ in range(warps):
        scale, aspect = generator.uniform(-1, 1, 2) * (SCALE, ASPECT / 2)
        stretch = (1 + scale) * np.exp([aspect, -aspect])
        recipes.append((stretch, 0.0, _shift(extent * stretch, generator)))
    return recipes


def _shift(extent: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return generator.uniform(-SHIFT, SHIFT, 2) * np.sqrt(extent.prod())
