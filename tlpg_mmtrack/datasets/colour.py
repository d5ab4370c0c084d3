# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Colour tables: brightness, contrast and tint as one look-up."""

from __future__ import annotations

import numpy as np


def random_table(rng: np.random.Generator, strength: float) -> np.ndarray:
    """A random change of contrast, brightness and tint.

    Args:
        rng: Source of randomness.
        strength: Contrast changes by up to this share, brightness by up to half this share of the
            range, each channel's gain by up to a quarter of it. 0 changes nothing.

    Returns:
        (256, 1, 3) uint8, to be applied with ``cv2.LUT``.
    """
    contrast = 1.0 + rng.uniform(-1.0, 1.0) * strength
    brightness = 255.0 * rng.uniform(-0.5, 0.5) * strength
    gains = 1.0 + rng.uniform(-0.25, 0.25, 3) * strength
    levels = np.arange(256, dtype=np.float64)[:, None, None]
    table = ((levels - 127.5) * contrast + 127.5 + brightness) * gains
    return np.clip(np.round(table), 0, 255).astype(np.uint8)
