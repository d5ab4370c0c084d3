# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Losses of this package's own; mmdet's have the same arguments and serve beside them."""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.models.losses.utils import weighted_loss
from mmdet.structures.bbox import bbox_overlaps
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.option_rules import NonNegative, checked


def hinge_residual(scores: Tensor, labels: Tensor) -> Tensor:
    """Residual of eq. 6: linear for the target (label 1), hinged at 0 for the background (0)."""
    return labels * scores + (1 - labels) * scores.clamp(min=0) - labels


class _Loss(nn.Module):
    @checked
    def __init__(self, loss_weight: NonNegative = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight


@MODELS.register_module()
class HingeGridLoss(_Loss):
    """Squared hinge residual of score maps (eq. 3 and 6).

    It also fills the slot of mmtrack's ``KLGridLoss``, ``PrDiMPClsHead(loss_cls=...)``, for
    :class:`SDOptimizer`, which makes the scores themselves approach labels in [0, 1]. The labels
    must then be no density: ``train_cfg=dict(use_gauss_density=False, label_density_norm=False)``.
    """

    def forward(
        self,
        scores: Tensor,
        labels: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        grid_dim: Sequence[int] = (-2, -1),
    ) -> Tensor:
        """Sum over the cells of (..., H, W) scores, mean over the maps or sum over ``avg_factor``.

        Labels y, in [0, 1], and the cells' weights are broadcast to the scores.
        """
        squares = hinge_residual(scores, labels).square()
        if weight is not None:
            squares = squares * weight
        maps = squares.sum(dim=tuple(grid_dim))
        return self.loss_weight * (maps.mean() if avg_factor is None else maps.sum() / avg_factor)


@weighted_loss
def _overlap(pred: Tensor, target: Tensor) -> Tensor:
    return bbox_overlaps(pred, target, is_aligned=True)


@MODELS.register_module()
class OverlapLoss(_Loss):
    """IoU of boxes with what they should leave alone (section 3.2, negatives)."""

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
    ) -> Tensor:
        """Mean IoU of (N, 4) boxes (x1, y1, x2, y2)."""
        return self.loss_weight * _overlap(pred, target, weight, avg_factor=avg_factor)
