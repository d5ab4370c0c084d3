# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Losses of this package's own; mmdet's have the same arguments and serve beside them."""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.models.losses.utils import weighted_loss
from mmdet.structures.bbox import bbox_overlaps
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.option_rules import at_least, checked


def hinge_residual(scores: Tensor, labels: Tensor) -> Tensor:
    """Residual of eq. 6: linear for the target, hinged at 0 for the background.

    Args:
        scores: Score map.
        labels: y in [0, 1], same shape or broadcastable.

    Returns:
        ``y * s + (1 - y) * max(0, s) - y``, of the scores' shape.
    """
    return labels * scores + (1 - labels) * scores.clamp(min=0) - labels


class _Weighted(nn.Module):
    @checked(loss_weight=at_least(0))
    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight


@MODELS.register_module()
class HingeGridLoss(_Weighted):
    """Squared hinge residual of score maps (eq. 3 and 6).

    It also fills the slot of mmtrack's ``KLGridLoss``, ``PrDiMPClsHead(loss_cls=...)``, which
    takes scores for logits. :class:`SDOptimizer` makes the scores themselves approach labels in
    [0, 1], and this loss measures that. The labels must then be no density:
    ``train_cfg=dict(use_gauss_density=False, label_density_norm=False)``.

    Args:
        loss_weight: Weight of the loss.
    """

    def forward(
        self,
        scores: Tensor,
        labels: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        grid_dim: Sequence[int] = (-2, -1),
    ) -> Tensor:
        """Sum over the cells of each map, mean over the maps.

        Args:
            scores: (..., H, W).
            labels: y in [0, 1], same shape or broadcastable.
            weight: Of each cell, likewise; 1 by default.
            avg_factor: What the sum is divided by instead of the number of maps.
            grid_dim: The two dimensions of the cells.
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
class OverlapLoss(_Weighted):
    """IoU of boxes with what they should leave alone (section 3.2, negatives).

    Args:
        loss_weight: Weight of the loss.
    """

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
    ) -> Tensor:
        """Mean IoU of (N, 4) boxes (x1, y1, x2, y2), as of mmdet's losses."""
        return self.loss_weight * _overlap(pred, target, weight, avg_factor=avg_factor)
