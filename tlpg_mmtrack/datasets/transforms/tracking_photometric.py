# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Light, colour and camera faults of training crops."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.option_rules import PROBABILITY, at_least, checked

from ..colour import random_table
from ..cutout import motion_kernel


@TRANSFORMS.register_module()
class TrackingPhotometric(BaseTransform):
    """Changes the look of the crops in ``img``: once for the sample, then a little for each frame.

    Args:
        shared_colour: Strength of the change shared by all frames, see ``random_table``.
        frame_colour: Strength of each frame's own change.
        grey_prob: Probability that the whole sample is grey.
        blur_prob: Probability, for each frame, of camera blur (out of focus or motion).
        jpeg_prob: Probability, for each frame, of coarse JPEG compression.
        noise_prob: Probability, for each frame, of sensor noise.
    """

    NOISE_LENGTH = 1_000_000

    @checked(
        shared_colour=at_least(0),
        frame_colour=at_least(0),
        grey_prob=PROBABILITY,
        blur_prob=PROBABILITY,
        jpeg_prob=PROBABILITY,
        noise_prob=PROBABILITY,
    )
    def __init__(
        self,
        shared_colour: float = 0.25,
        frame_colour: float = 0.15,
        grey_prob: float = 0.05,
        blur_prob: float = 0.15,
        jpeg_prob: float = 0.1,
        noise_prob: float = 0.1,
    ) -> None:
        self.shared_colour = shared_colour
        self.frame_colour = frame_colour
        self.grey_prob = grey_prob
        self.blur_prob = blur_prob
        self.jpeg_prob = jpeg_prob
        self.noise_prob = noise_prob
        # Drawn once: reading it from a random start costs a small part of drawing anew.
        self._noise = np.random.default_rng(0).standard_normal(self.NOISE_LENGTH, np.float32)

    def transform(self, results: dict) -> dict:
        """Change ``img``."""
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
        """Blur, noise and compression, each by chance."""
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
    """Out-of-focus blur or motion blur of the camera."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, 2.0))
    length = 2 * int(rng.integers(1, 6)) + 1
    return cv2.filter2D(crop, -1, motion_kernel(length, rng.uniform(0.0, 180.0)))
