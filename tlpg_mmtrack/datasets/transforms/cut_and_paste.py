# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training crops that show a cut-out object over another image."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.images import read_image
from tlpg_mmtrack.utils.option_rules import PROBABILITY, at_least, checked

from ...ops.crop import linear_map, warp, window_matrix
from ..colour import random_table
from ..cutout import Cutout, motion_kernel
from ..geometry import bounding_box, map_points, place_matrix
from .crop_transform import CropTransform


@TRANSFORMS.register_module()
class CutAndPaste(CropTransform):
    """Pastes the target, cut out along its mask, over another image, moving on its own.

    The background is a window of one frame of ``other``, shared by the frames of the sample and
    drifting between them. In each frame the target has its own place, scale, aspect, rotation,
    colour and motion blur. Replaces ``img`` and adds ``gt_bboxes`` as ``TrackingCrop`` does; where
    it does not act (by chance, or for want of a mask), it leaves the sample to that transform.

    Args:
        prob: Probability of acting on a target that has a mask. Targets marked ``paste_only`` are
            always pasted.
        min_size: Targets smaller than this, sqrt(width * height) in pixels of their image, are too
            coarse to paste.
        flip_prob: Probability of mirroring the target, in all frames together.
        aspect: The target is stretched by up to exp(+-aspect / 2) along x and the inverse along y.
        rotation: The target is rotated by up to this many degrees.
        colour: Strength of the target's own change of colour, see ``random_table``.
        motion_blur_prob: Probability of motion blur, for each frame.
        drift: The background's window moves by up to this share of its side between frames.
        **kwargs: See ``CropTransform``.
    """

    MAX_BLUR = 15

    @checked(
        prob=PROBABILITY,
        min_size=at_least(0),
        flip_prob=PROBABILITY,
        aspect=at_least(0),
        rotation=at_least(0),
        colour=at_least(0),
        motion_blur_prob=PROBABILITY,
        drift=at_least(0),
    )
    def __init__(
        self,
        prob: float = 0.6,
        min_size: float = 24.0,
        flip_prob: float = 0.5,
        aspect: float = 0.4,
        rotation: float = 15.0,
        colour: float = 0.15,
        motion_blur_prob: float = 0.2,
        drift: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prob = prob
        self.min_size = min_size
        self.flip_prob = flip_prob
        self.aspect = aspect
        self.rotation = rotation
        self.colour = colour
        self.motion_blur_prob = motion_blur_prob
        self.drift = drift

    def _acts_on(self, results: dict) -> bool:
        """Whether this sample is to be pasted."""
        if not (results['is_still'] and results['outlines'][0]):
            return False
        box = bounding_box(np.concatenate(results['outlines'][0]))
        large_enough = np.sqrt(np.prod(box[2:] - box[:2])) >= self.min_size
        return large_enough and (results['paste_only'] or results['rng'].random() < self.prob)

    def _backgrounds(self, results: dict) -> list[np.ndarray] | None:
        """A window of the other sequence for each frame, or None if it cannot be read."""
        rng, other = results['rng'], results['other']
        path = other['img_paths'][int(rng.integers(len(other['img_paths'])))]
        image = read_image(path, other.get('img_shape'))
        if image is None:
            return None
        limits = np.array(image.shape[1::-1], dtype=np.float64)
        side = rng.uniform(0.35, 1.0) * limits.min()
        slack = np.maximum(limits - side, 0.0)
        middle = (limits - 1.0) / 2.0 + rng.uniform(-0.5, 0.5, 2) * slack
        windows = []
        for _ in results['img']:
            center = middle + rng.uniform(-1.0, 1.0, 2) * self.drift * side
            matrix = window_matrix(center, side * np.exp(rng.uniform(-0.1, 0.1)), self.size)
            windows.append(warp(image, matrix, self.size, self.size))
        return windows

    def transform(self, results: dict) -> dict | None:
        """Make the crops, or leave the sample alone."""
        if not self._acts_on(results):
            return results
        crops = self._backgrounds(results)
        if crops is None:
            return None
        rng = results['rng']
        mirror = -1.0 if rng.random() < self.flip_prob else 1.0
        target = Cutout(results['img'][0], results['outlines'][0])
        boxes = []
        for index, canvas in enumerate(crops):
            stretch = np.exp(rng.uniform(-0.5, 0.5) * self.aspect)
            degrees = rng.uniform(-1.0, 1.0) * self.rotation
            linear = linear_map(mirror * stretch, 1.0 / stretch, degrees)
            center, size = self.draw_place(rng, index < results['num_template_frames'])
            matrix = place_matrix(linear, target.points, center, size)
            blur = None
            if rng.random() < self.motion_blur_prob:
                length = 2 * int(rng.integers(1, self.MAX_BLUR // 2 + 1)) + 1
                blur = motion_kernel(length, rng.uniform(0.0, 180.0))
            target.recolored(random_table(rng, self.colour)).paste(canvas, matrix, blur)
            boxes.append(bounding_box(map_points(matrix, target.points)).astype(np.float32)[None])
        results['img'] = crops
        results['gt_bboxes'] = boxes
        return results
