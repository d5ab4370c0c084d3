# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training crops cut from the frames themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.option_rules import PROBABILITY, at_least, checked

from ...ops.crop import linear_map, warp
from ..geometry import (
    bounding_box,
    box_corners,
    edges_to_pixels,
    map_points,
    place_matrix,
)
from .crop_transform import CropTransform


@TRANSFORMS.register_module()
class TrackingCrop(CropTransform):
    """Cuts one crop around the target out of each frame, by a single resampling.

    Same pixel mapping as the tracker's crop, with jitter of place and scale. The frames of a still
    image are also stretched, rotated (only where an outline gives the exact box) and mirrored,
    each differently; those of a video are mirrored together.

    Replaces ``img`` by crops (size, size, 3) and adds ``gt_bboxes``, for each frame (1, 4) float32
    in (x1, y1, x2, y2) crop pixels, not clipped to the crop. Leaves samples alone that
    ``CutAndPaste`` has already made crops of.

    Args:
        flip_prob: Probability of mirroring left and right.
        still_aspect: Frames of a still image are stretched by exp(+-still_aspect / 2) along x and
            the inverse along y.
        still_rotation: Frames of a still image are rotated by up to this many degrees.
        **kwargs: See ``CropTransform``.
    """

    @checked(flip_prob=PROBABILITY, still_aspect=at_least(0), still_rotation=at_least(0))
    def __init__(
        self,
        flip_prob: float = 0.5,
        still_aspect: float = 0.2,
        still_rotation: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flip_prob = flip_prob
        self.still_aspect = still_aspect
        self.still_rotation = still_rotation

    def _draw_linear(
        self, rng: np.random.Generator, mirror: float, is_still: bool, has_outline: bool
    ) -> np.ndarray:
        """A frame's stretch and rotation, (2, 2)."""
        if not is_still:
            return linear_map(mirror, 1.0)
        stretch = np.exp(rng.uniform(-0.5, 0.5) * self.still_aspect)
        degrees = rng.uniform(-1.0, 1.0) * self.still_rotation if has_outline else 0.0
        return linear_map(mirror * stretch, 1.0 / stretch, degrees)

    def transform(self, results: dict) -> dict | None:
        """Make the crops."""
        if 'gt_bboxes' in results:
            return results
        if results['paste_only']:
            return None
        rng = results['rng']
        mirror = -1.0 if rng.random() < self.flip_prob else 1.0
        crops, boxes = [], []
        for index, frame in enumerate(results['img']):
            outline = results['outlines'][index]
            box = results['instances'][index][0]['bbox']
            points = edges_to_pixels(np.concatenate(outline) if outline else box_corners(box))
            if results['is_still']:
                mirror = -1.0 if rng.random() < self.flip_prob else 1.0
            linear = self._draw_linear(rng, mirror, results['is_still'], bool(outline))
            center, size = self.draw_place(rng, index < results['num_template_frames'])
            matrix = place_matrix(linear, points, center, size)
            crops.append(warp(frame, matrix, self.size, self.size))
            boxes.append(bounding_box(map_points(matrix, points)).astype(np.float32)[None])
        results['img'] = crops
        results['gt_bboxes'] = boxes
        return results
