# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Objects that resemble the target, beside it."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.option_rules import PROBABILITY, checked

from ...ops.crop import linear_map
from ..colour import random_table
from ..cutout import Cutout, cutout_of
from ..geometry import place_matrix


@TRANSFORMS.register_module()
class PasteDistractors(BaseTransform):
    """Pastes another object of the target's category into the crops, off the target.

    Where the set holds no such object with a mask, any object of ``other`` that has a mask serves.
    Never a second copy of the target: nothing would tell which of the two is meant.

    Args:
        prob: Probability that a sample has a distractor.
        frame_prob: Probability that the distractor shows in a frame of such a sample.
    """

    ATTEMPTS = 10

    @checked(prob=PROBABILITY, frame_prob=PROBABILITY)
    def __init__(self, prob: float = 0.3, frame_prob: float = 0.8) -> None:
        self.prob = prob
        self.frame_prob = frame_prob

    def _distractor(self, results: dict) -> Cutout | None:
        """The object to paste, recoloured, or None if there is none."""
        for sequence in (results['peer'], results['other']):
            if sequence is not None and sequence['outlines'][0]:
                cutout = cutout_of(sequence)
                if cutout is not None:
                    return cutout.recolored(random_table(results['rng'], 0.2))
        return None

    def transform(self, results: dict) -> dict:
        """Paste into ``img``; ``gt_bboxes`` stays as it is."""
        rng = results['rng']
        if rng.random() >= self.prob:
            return results
        distractor = self._distractor(results)
        if distractor is None:
            return results
        mirror = -1.0 if rng.random() < 0.5 else 1.0
        for canvas, boxes in zip(results['img'], results['gt_bboxes'], strict=True):
            if rng.random() >= self.frame_prob:
                continue
            place = self._free_place(rng, boxes[0].astype(np.float64), canvas.shape[0])
            if place is not None:
                linear = linear_map(mirror, 1.0, rng.uniform(-15.0, 15.0))
                matrix = place_matrix(linear, distractor.points, *place)
                distractor.paste(canvas, matrix, None)
        return results

    def _free_place(
        self, rng: np.random.Generator, target: np.ndarray, crop_size: int
    ) -> tuple[np.ndarray, float] | None:
        """A centre and a size like the target's where a square leaves the target uncovered."""
        target_size = float(np.sqrt(np.prod(target[2:] - target[:2])))
        for _ in range(self.ATTEMPTS):
            size = target_size * float(np.exp(rng.uniform(-0.3, 0.3)))
            center = rng.uniform(0.0, crop_size, 2)
            # 0.6 and not 0.5: most objects are not square.
            nearest = np.clip(center, target[:2], target[2:])
            if np.abs(center - nearest).max() > 0.6 * size:
                return center, size
        return None
