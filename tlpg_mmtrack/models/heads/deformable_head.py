# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""DC of table 1: a raw deformable filter, whose offsets the classification loss alone teaches."""

from __future__ import annotations

from typing import Any

import torch
from mmtrack.registry import MODELS

from ..learners import RegressionProblem
from .dcc_head import DCCHead
from .target_model import TargetModel, TemplateSamples


@MODELS.register_module()
class DeformableHead(DCCHead):
    """Deformable correlation without a regression loss (table 1, DC).

    Filter and offset kernel are learned in one problem, as in ``DCCHead(learning='joint')``, that
    has no boxes in it. The points start on the regular grid and go where the classification loss
    sends them, with its whole gradient, since no other loss pulls at them. Their extremes are
    then no proposal: the tracker puts the last box on every cell, as for a :class:`RigidHead`.

    Args:
        **kwargs: See :class:`DCCHead`; ``learning``, ``offset_prior`` and
            ``offset_gradient_scale`` are fixed, and what concerns boxes has no effect.
    """

    proposes = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **kwargs, learning='joint', offset_prior='square', offset_gradient_scale=1.0
        )

    def regression_problem(
        self, model: TargetModel, samples: TemplateSamples
    ) -> RegressionProblem:
        """The boxes' part of the joint problem, of no weight."""
        problem = super().regression_problem(model, samples)
        problem.roots = torch.zeros_like(problem.roots)
        return problem
