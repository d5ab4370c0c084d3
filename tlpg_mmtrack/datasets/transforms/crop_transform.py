# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the transforms that make crops share: where in a crop the target appears, and how large."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform

from tlpg_mmtrack.utils.option_rules import at_least, checked, each, whole


class Jitter(NamedTuple):
    """How far a crop may be off its target.

    Attributes:
        center: The target's centre is uniform in a square around the crop's centre, half of whose
            side is ``center / 2`` times the target's nominal size (crop size / search_scale).
        scale: Standard deviation of the logarithm of the crop's side.
    """

    center: float
    scale: float


class CropTransform(BaseTransform):
    """Base of the transforms that make crops.

    Args:
        size: Side of the crops in pixels.
        search_scale: Side of the crop, in units of sqrt(width * height) of the target, before
            jitter.
        template_jitter: (center, scale), see ``Jitter``. DiMP's values are (3, 0.25 / sqrt 2): it
            draws width and height apart, and the side is their geometric mean.
        search_jitter: The same for search frames; DiMP's values are (4.5, 0.5 / sqrt 2).
    """

    @checked(
        size=whole(1),
        search_scale=at_least(1),
        template_jitter=each(at_least(0), 2),
        search_jitter=each(at_least(0), 2),
    )
    def __init__(
        self,
        size: int = 288,
        search_scale: float = 5.0,
        template_jitter: tuple[float, float] = (3.0, 0.18),
        search_jitter: tuple[float, float] = (4.5, 0.35),
    ) -> None:
        self.size = size
        self.search_scale = search_scale
        self.template_jitter = Jitter(*template_jitter)
        self.search_jitter = Jitter(*search_jitter)

    def draw_place(self, rng: np.random.Generator, is_template: bool) -> tuple[np.ndarray, float]:
        """Where the target's box lands in a crop.

        Args:
            rng: Source of randomness.
            is_template: Whether the frame is a template.

        Returns:
            The box's centre (2,) in crop pixels, and the square root of its area in crop pixels.
        """
        jitter = self.template_jitter if is_template else self.search_jitter
        nominal = self.size / self.search_scale
        offset = rng.uniform(-0.5, 0.5, 2) * jitter.center * nominal
        target_size = nominal * float(np.exp(-jitter.scale * rng.standard_normal()))
        return (self.size - 1) / 2.0 + offset, target_size
