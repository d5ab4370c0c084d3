# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""RC of table 1: the plain filter that the paper starts from, learned online."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mmtrack.registry import MODELS
from torch import Tensor

from .dcc_head import FILTER_OPTIMIZER, DCCHead
from .target_model import Learned, TargetModel, TemplateSamples


@MODELS.register_module()
class RigidHead(DCCHead):
    """A regular correlation filter: scores as in DiMP, no offsets, no boxes (table 1, RC).

    The filter's points stay on the regular grid of one cell's spacing, so a target model is its
    filter alone. There are no proposals: the tracker puts the last box on every cell, and IoU-Net
    is what changes its size.

    Args:
        **kwargs: See :class:`DCCHead`; ``offset_prior``, ``learning`` and ``offset_optimizer``
            are fixed, and what else concerns offsets and boxes has no effect.
    """

    proposes = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **kwargs, offset_prior='square', learning='alternate', offset_optimizer=None
        )

    def _build_optimizers(
        self, filter_optimizer: dict | None, offset_optimizer: dict | None
    ) -> None:
        self.filter_optimizer = MODELS.build(filter_optimizer or FILTER_OPTIMIZER)

    def _build_parameters(self) -> None:
        super()._build_parameters()
        # The offset kernel is zero for good: nothing that a training could move, or would save.
        for name in ('initial_affine', 'initial_free'):
            self.register_buffer(name, self._parameters.pop(name).detach(), persistent=False)

    def learn(self, model: TargetModel, samples: TemplateSamples, num_iters: int) -> Learned:
        """Improve the filter; the other course has its start only."""
        course = self.learn_filter(model, samples, num_iters)
        return Learned(
            replace(model, filter=course.parameters[0]),
            replace(course, iterates=[(model.affine, model.free)], objectives=[]),
            course,
        )

    def _points(self, model: TargetModel, features: Tensor) -> Tensor:
        """(B*n, 2K, H*W), the same grid at every cell."""
        size = model.size.repeat(1, self.kernel_size**2)
        points = (size * self.unit_grid).repeat_interleave(features.shape[1], dim=0)
        return points.unsqueeze(-1).expand(-1, -1, features.shape[-2] * features.shape[-1])
