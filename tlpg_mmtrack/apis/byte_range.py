# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Pictures of any depth, as frames of 8 bits."""

from __future__ import annotations

import logging

import cv2
import numpy as np

logger = logging.getLogger(__name__)

_PERCENTILES = (0.1, 99.9)


class ByteRange:
    """Makes frames of the pictures of one video, of all of them alike.

    Sensors leave 12-bit or thermal values in 16-bit files, of which the upper byte alone is nearly
    black. Where the first picture of more than 8 bits uses less than half of what its type can
    hold, the range between its 0.1 and 99.9 percentiles (single pixels may be stuck) is therefore
    stretched to 0..255, and this is logged; later values outside of it are clipped.
    """

    def __init__(self) -> None:
        self._low = 0.0
        self._scale: float | None = None

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Convert a picture.

        Args:
            picture: (H, W), grey, or (H, W, 3), BGR, of any number type.

        Returns:
            (H, W, 3) uint8, BGR.
        """
        if picture.dtype != np.uint8:
            if self._scale is None:
                self._learn(picture)
            values = (picture.astype(np.float32) - self._low) * self._scale
            picture = np.nan_to_num(values, nan=0.0).clip(0, 255).astype(np.uint8)
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture

    def _learn(self, picture: np.ndarray) -> None:
        values = picture[np.isfinite(picture)]
        if values.size == 0:
            values = np.zeros(1)
        low, high = map(float, np.percentile(values, _PERCENTILES, method='nearest'))
        whole = np.issubdtype(picture.dtype, np.integer)
        full = float(np.iinfo(picture.dtype).max) + 1 if whole else 1.0
        if low == high or (whole and high - low >= full / 2):
            # What OpenCV does: the upper byte.
            self._scale = 256 / full
            return
        self._low, self._scale = low, 255 / (high - low)
        logger.warning(
            'the first picture holds %s values from %g to %g; that range is stretched to 0..255 '
            'in all of them',
            picture.dtype,
            low,
            high,
        )
