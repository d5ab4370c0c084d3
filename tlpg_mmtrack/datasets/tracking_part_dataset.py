# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Parts of the objects of still images as training sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmtrack.registry import DATASETS

from .tracking_image_dataset import TrackingImageDataset


@DATASETS.register_module()
class TrackingPartDataset(TrackingImageDataset):
    """A part of each object of a COCO file is a sequence of one frame: a head, half a car, a hand.

    Trained on whole objects alone, what judges a box learns where objects end, whatever the
    template shows, and the box of a part grows to the object. A part has no outline of its own,
    so it is cropped from its image and never pasted.

    Args:
        part_scale: Least and greatest side of a part, in sides of its object's box.
        seed: Seed of the choice of parts.
        **kwargs: See ``TrackingImageDataset``; ``min_size`` and ``max_cover`` hold for the parts.

    Raises:
        ValueError: If ``part_scale`` is not 0 < least <= greatest <= 1.
    """

    def __init__(
        self, part_scale: tuple[float, float] = (0.35, 0.8), seed: int = 0, **kwargs: Any
    ) -> None:
        if not 0.0 < part_scale[0] <= part_scale[1] <= 1.0:
            raise ValueError(
                f'part_scale: must be (least, greatest) within (0, 1], got {part_scale}'
            )
        self.part_scale = part_scale
        self.seed = seed
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the annotation file; one dict for each part that can be used."""
        objects = super().load_data_list()
        rng = np.random.default_rng(self.seed)
        parts = [self._part_of(item, rng) for item in objects]
        parts = [part for part in parts if self._is_usable(part)]
        if not parts:
            raise ValueError(
                f'{self.ann_file}: no part is large enough to train on (min_size={self.min_size}, '
                f'max_cover={self.max_cover}, part_scale={self.part_scale})'
            )
        return parts

    def _part_of(self, item: dict, rng: np.random.Generator) -> dict:
        """A part of an object, anywhere in its box."""
        corner, size = item['bbox'][:2], item['bbox'][2:]
        part_size = size * rng.uniform(*self.part_scale, 2)
        part_corner = corner + rng.uniform(size=2) * (size - part_size)
        box = np.concatenate((part_corner, part_size))
        return {**item, 'bbox': box, 'outline': [], 'paste_only': False}

    def _is_usable(self, part: dict) -> bool:
        box, (height, width) = part['bbox'], part['img_shape']
        small_enough = box[2] * box[3] <= self.max_cover * height * width
        return small_enough and self.is_large_enough(box, height, width)
