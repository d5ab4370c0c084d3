# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Crops by one affine resampling, in training and in tracking alike.

A 2 x 3 matrix maps pixels of the image to pixels of the crop; a pixel's centre is its index.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

_TILES = 8


def crop_patch(frame: np.ndarray, center: Sequence[float], side: float, size: int) -> np.ndarray:
    """Cut a square out of a frame: the search region; see :func:`window_matrix`, :func:`warp`.

    Args:
        frame: (H, W, 3) uint8.
        center: (x, y) of the square's centre in frame pixels.
        side: The square's side in frame pixels.
        size: The crop's side in crop pixels.

    Returns:
        (size, size, 3) uint8.
    """
    return warp(frame, window_matrix(center, side, size), size, size)


def window_matrix(center: Sequence[float], side: float, size: int) -> np.ndarray:
    """The affine map, (2, 3) float64, of a square window of the frame onto the whole crop.

    Frame pixel ``u`` lands on crop pixel ``(u - center) * size / side + (size - 1) / 2``. The
    arguments are those of :func:`crop_patch`.
    """
    middle = np.full(2, (size - 1) / 2)
    return affine_map(np.eye(2) * (size / side), np.asarray(center), middle)


def linear_map(scale_x: float, scale_y: float, degrees: float = 0.0) -> np.ndarray:
    """Stretch along the axes, then rotate: (2, 2) float64.

    Args:
        scale_x: Factor along x; negative mirrors left and right.
        scale_y: Factor along y.
        degrees: Clockwise rotation as seen on the image (y points down).
    """
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos * scale_x, -sin * scale_y], [sin * scale_x, cos * scale_y]])


def affine_map(linear: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The affine map, (2, 3), of a (2, 2) linear part that takes one point (x, y) to another."""
    return np.column_stack((linear, target - linear @ source))


def warp(image: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resample an image, its pixels averaged where it is shrunk by two or more.

    Args:
        image: (H, W, C) uint8.
        matrix: (2, 3), pixels of the image to pixels of the result.
        width: Width of the result.
        height: Height of the result.

    Returns:
        (height, width, C) uint8; the border pixels are repeated outside.
    """
    image, block = average_pixels(image, np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    offset = matrix[:, :2].sum(axis=1) * (block - 1) / 2.0 + matrix[:, 2]
    matrix = np.concatenate([matrix[:, :2] * block, offset[:, None]], axis=1)
    return resample(image, matrix, width, height)


def average_pixels(image: np.ndarray, scale: float) -> tuple[np.ndarray, int]:
    """Average blocks of pixels of an image that is to be shrunk by two or more.

    Bilinear sampling alone would skip pixels. Pixel ``u`` of the image is pixel
    ``(u + 0.5) / block - 0.5`` of the result.

    Args:
        image: (H, W, C) uint8.
        scale: Crop pixels per image pixel.

    Returns:
        The image and the blocks' side; the same image and 1 where nothing needs averaging.
    """
    block = int(1.0 / scale)
    width, height = image.shape[1] // max(block, 1), image.shape[0] // max(block, 1)
    if block < 2 or width == 0 or height == 0:
        return image, 1
    whole = image[: height * block, : width * block]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), block


def resample(image: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """Sample an image bilinearly; arguments and result as :func:`warp`'s, without averaging."""
    return cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def contrast(crop: np.ndarray) -> float:
    """How much there is to see in a crop: the standard deviation of its tiles' mean colours.

    There are 8 x 8 tiles, over which a sensor's or a codec's noise averages out. Of an (S, S, 3)
    uint8 crop it is 0..255, the mean over the channels.
    """
    tiles = cv2.resize(crop, (_TILES, _TILES), interpolation=cv2.INTER_AREA)
    return float(cv2.meanStdDev(tiles)[1].mean())
