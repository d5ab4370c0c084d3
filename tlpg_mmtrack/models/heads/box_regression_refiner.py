# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""BReg of table 2: the classical second stage that centre-bias refinement is compared with."""

from __future__ import annotations

from typing import Annotated

from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.structures import CellGrid
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, checked, multiple_of

from ...ops import prroi_pool_boxes
from .center_bias_refiner import Refiner
from .feature_levels import CHANNELS_PER_GROUP, conv_norm_relu
from .iou_net_head import TRAINING_PROPOSALS, jitter_boxes

SMOOTH_L1 = dict(type='mmdet.SmoothL1Loss', beta=1.0)
# Bins a side of a pooled proposal, and the overlap from which on one is trained on.
_BINS = 5
_POSITIVE_IOU = 0.5


@MODELS.register_module()
class BoxRegressionRefiner(Refiner):
    """Regress the residual between a proposal and the target's box (section 4.1, BReg).

    Each proposal is pooled from the map and moved by a residual in centre and log size, 0 before
    training. Its score stays stage 1's. Nothing here is learned online.

    Args:
        in_channels: Channels of the map that proposals are pooled from.
        enhancer: As in :class:`Refiner`, as is ``max_proposals``.
        feat_channels: Width of the convolutions, a multiple of 16.
        stride: As in :class:`DCCHead`, as is ``cell_offset``.
        loss_box: Config of the loss of the residuals.
    """

    head = None

    @checked
    def __init__(
        self,
        in_channels: Count,
        enhancer: dict | None = None,
        feat_channels: Annotated[int, multiple_of(CHANNELS_PER_GROUP)] = 128,
        stride: Count = 16,
        cell_offset: float = 0.0,
        max_proposals: int = 25,
        loss_box: dict = SMOOTH_L1,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(enhancer, max_proposals, init_cfg)
        self.in_channels = in_channels
        self.grid = CellGrid(stride, cell_offset)
        self.loss_box = MODELS.build(loss_box)
        # Faster R-CNN's scale of the residuals.
        self.coder = DeltaXYWHBBoxCoder(target_stds=(0.1, 0.1, 0.2, 0.2))
        self.convs = nn.Sequential(
            conv_norm_relu(in_channels, feat_channels),
            conv_norm_relu(feat_channels, feat_channels),
        )
        self.residual = nn.Linear(feat_channels * _BINS**2, 4)
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)

    def forward(self, x: Tensor, boxes: Tensor) -> Tensor:
        """Residuals, in the coder's units, of (N, R, 4) proposals in crop pixels on x_E."""
        pooled = prroi_pool_boxes(x, self.grid.to_cells(boxes), _BINS)
        return self.residual(self.convs(pooled.flatten(0, 1)).flatten(1)).view_as(boxes)

    def refine(self, x: Tensor, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Of stage 1's (P, 4) proposals the best, moved, (R, 4) in crop pixels, and their scores.

        ``x`` is x_E of one crop, (1, C, H, W).
        """
        best = self.best(scores)
        return self.coder.decode(boxes[best], self(x, boxes[best][None])[0]), scores[best]

    def loss(
        self, template: Tensor, template_boxes: Tensor, search: Tensor, search_boxes: Tensor
    ) -> dict[str, Tensor]:
        """``refine.loss_box``, the mean over positives of boxes jittered around the true ones."""
        truth = search_boxes.flatten(0, 1)
        proposals, overlaps = jitter_boxes(truth, TRAINING_PROPOSALS)
        positive = (overlaps >= _POSITIVE_IOU).to(overlaps.dtype)
        targets = self.coder.encode(
            proposals.flatten(0, 1), truth.repeat_interleave(TRAINING_PROPOSALS, dim=0)
        ).view_as(proposals)
        residuals = self(search.flatten(0, 1), proposals)
        loss = self.loss_box(
            residuals,
            targets,
            weight=positive.unsqueeze(-1).expand_as(residuals),
            avg_factor=positive.sum().clamp(min=1),
        )
        return {'refine.loss_box': loss}
