# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Objects that hide a part of the target."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.option_rules import POSITIVE, PROBABILITY, checked

from ...ops.crop import linear_map
from ..cutout import cutout_of
from ..geometry import place_matrix


@TRANSFORMS.register_module()
class PasteOccluders(BaseTransform):
    """Pastes an object over a part of the target in search frames; its box stays whole.

    The occluder is the object of ``other``, along its mask or, without one, as its box.

    Args:
        prob: Probability, for each search frame, of an occluder.
        max_size: Largest size, sqrt(width * height), of an occluder in units of the target's.
    """

    @checked(prob=PROBABILITY, max_size=POSITIVE)
    def __init__(self, prob: float = 0.15, max_size: float = 0.9) -> None:
        self.prob = prob
        self.max_size = max_size

    def transform(self, results: dict) -> dict:
        """Paste into ``img``; ``gt_bboxes`` stays as it is."""
        rng, first = results['rng'], results['num_template_frames']
        hidden = [i for i in range(first, len(results['img'])) if rng.random() < self.prob]
        if not hidden:
            return results
        other = results['other']
        shown = np.flatnonzero(other['visible'])
        occluder = cutout_of(other, int(rng.choice(shown))) if len(shown) else None
        if occluder is None:
            return results
        for index in hidden:
            box = results['gt_bboxes'][index][0].astype(np.float64)
            sides = box[2:] - box[:2]
            size = float(np.sqrt(np.prod(sides)) * rng.uniform(0.4, self.max_size))
            # Around the target's rim, so that a part of it always shows.
            angle = rng.uniform(0.0, 2.0 * np.pi)
            rim = np.array([np.cos(angle), np.sin(angle)]) * sides * 0.5
            center = (box[:2] + box[2:]) / 2.0 + rim
            matrix = place_matrix(linear_map(1.0, 1.0), occluder.points, center, size)
            occluder.paste(results['img'][index], matrix, None)
        return results
