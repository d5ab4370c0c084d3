# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Light, colour and camera faults of training crops, and of what is pasted into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.option_rules import CheckedOptions, NonNegative, Probability

SUBPIXEL_BITS = 4  #: Of OpenCV's drawing in fixed point.


@TRANSFORMS.register_module()
@dataclass
class TrackingPhotometric(CheckedOptions, BaseTransform):
    """Changes the look of the crops in ``img``: alike in all, then a little in each."""

    NOISE_LENGTH: ClassVar = 1_000_000

    shared_colour: NonNegative = 0.25  #: Strength of the shared change, see ``random_table``.
    frame_colour: NonNegative = 0.15  #: Strength of each frame's own change.
    grey_prob: Probability = 0.05  #: That the whole sample is grey.
    blur_prob: Probability = 0.15  #: Of camera blur (out of focus or motion), for each frame.
    jpeg_prob: Probability = 0.1  #: Of coarse JPEG compression, for each frame.
    noise_prob: Probability = 0.1  #: Of sensor noise, for each frame.

    def __post_init__(self) -> None:
        super().__post_init__()
        # Drawn once: reading it from a random start costs a small part of drawing anew.
        self._noise = np.random.default_rng(0).standard_normal(self.NOISE_LENGTH, np.float32)

    def transform(self, results: dict) -> dict:
        rng = results['rng']
        shared = random_table(rng, self.shared_colour)
        grey = rng.random() < self.grey_prob
        crops = []
        for crop in results['img']:
            own = random_table(rng, self.frame_colour)
            # One look-up for both: apply the frame's table to the values of the shared one.
            crop = cv2.LUT(crop, np.take_along_axis(own, shared.astype(np.intp), axis=0))
            if grey:
                crop = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
            crops.append(self._degrade(crop, rng))
        results['img'] = crops
        return results

    def _degrade(self, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() < self.blur_prob:
            crop = _blur(crop, rng)
        if rng.random() < self.noise_prob:
            start = int(rng.integers(max(self.NOISE_LENGTH - crop.size, 0) + 1))
            noise = np.resize(self._noise[start : start + crop.size], crop.shape)
            noise = noise * np.float32(rng.uniform(2.0, 10.0))
            crop = cv2.add(crop, noise, dtype=cv2.CV_8U)
        if rng.random() < self.jpeg_prob:
            quality = int(rng.integers(15, 60))
            _, code = cv2.imencode('.jpg', crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
            crop = cv2.imdecode(code, cv2.IMREAD_COLOR)
        return crop


def _blur(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, 2.0))
    return cv2.filter2D(crop, -1, random_motion_kernel(rng, 11))


def random_table(rng: np.random.Generator, strength: float) -> np.ndarray:
    """A random change of contrast, brightness and tint; (256, 1, 3) uint8, for ``cv2.LUT``.

    Contrast changes by up to the share ``strength``, brightness by up to half this share of the
    range, each channel's gain by up to a quarter of it. 0 changes nothing.
    """
    contrast = 1.0 + rng.uniform(-1.0, 1.0) * strength
    brightness = 255.0 * rng.uniform(-0.5, 0.5) * strength
    gains = 1.0 + rng.uniform(-0.25, 0.25, 3) * strength
    levels = np.arange(256, dtype=np.float64)[:, None, None]
    table = ((levels - 127.5) * contrast + 127.5 + brightness) * gains
    return np.clip(np.round(table), 0, 255).astype(np.uint8)


def random_motion_kernel(rng: np.random.Generator, longest: int) -> np.ndarray:
    """A motion blur of an odd number of pixels, 3 to ``longest``, in any direction."""
    length = 2 * int(rng.integers(1, longest // 2 + 1)) + 1
    return motion_kernel(length, rng.uniform(0.0, 180.0))


def motion_kernel(length: int, degrees: float) -> np.ndarray:
    """Kernel of a motion blur by ``length`` pixels, odd, >= 3; (length, length) of sum 1."""
    kernel = np.zeros((length, length), dtype=np.float32)
    middle = (length - 1) / 2.0
    reach = middle * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    ends = np.round((middle + np.stack([-reach, reach])) * 2**SUBPIXEL_BITS).astype(int)
    start, stop = map(tuple, ends.tolist())
    cv2.line(kernel, start, stop, 1.0, 1, shift=SUBPIXEL_BITS)
    return kernel / kernel.sum()
