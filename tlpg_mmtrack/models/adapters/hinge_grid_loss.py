# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The paper's classification loss in the slot of mmtrack's KL loss."""

from __future__ import annotations

from collections.abc import Sequence

from mmtrack.registry import MODELS
from torch import Tensor, nn

from ..learners import hinge_residual


@MODELS.register_module()
class HingeGridLoss(nn.Module):
    """Squared hinge residual of score maps (eq. 3 and 6), for ``PrDiMPClsHead(loss_cls=...)``.

    mmtrack's ``KLGridLoss`` takes scores for logits. :class:`SDOptimizer` makes the scores
    themselves approach labels in [0, 1], and this loss judges them so. The labels must then be no
    density: ``train_cfg=dict(use_gauss_density=False, label_density_norm=False)``.
    """

    def forward(self, scores: Tensor, labels: Tensor, grid_dim: Sequence[int]) -> Tensor:
        """Mean over the maps of the sum over their cells.

        Args:
            scores: (n, B, H, W).
            labels: y in [0, 1], same shape.
            grid_dim: The two dimensions of the cells.
        """
        return hinge_residual(scores, labels).square().sum(dim=tuple(grid_dim)).mean()
