# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""From the stages' proposals to one box, and from that to the final one.

All boxes are (x1, y1, x2, y2) in crop pixels.
"""

from __future__ import annotations

import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor, nn

from ..heads.box_regression_head import Template
from ..numerics import rankable

IOU_SCALE = 0.05
"""A box with this much more predicted IoU than another counts e times as much in their mean."""


def merge_by_score(boxes: Tensor, scores: Tensor, min_overlap: float) -> Tensor:
    """(4,) mean by (R,) score of the best of (R, 4) boxes and those that overlap it so much.

    A box whose score is not finite does not count.
    """
    scores = rankable(scores)
    best = scores.argmax(dim=0, keepdim=True)
    near = bbox_overlaps(boxes[best], boxes)[0] > min_overlap
    weights = scores.clamp(min=1e-6) * (near & scores.isfinite())
    weights = weights.scatter(0, best, weights[best].clamp(min=1e-3))
    return (boxes * weights.unsqueeze(1)).sum(0) / weights.sum()


def merge_by_iou(boxes: Tensor, iou: Tensor, min_overlap: float) -> tuple[Tensor, Tensor]:
    """The best of (R, 4) boxes by their (R,) predicted IoU, averaged with those that overlap it.

    These count the less, the worse they are; one whose predicted IoU is not finite does not.
    Returns (4,) the box and () its predicted IoU.
    """
    iou = rankable(iou)
    best = iou.argmax(dim=0, keepdim=True)
    near = bbox_overlaps(boxes[best], boxes)[0] > min_overlap
    return _mean_by_iou(boxes, iou.where(near.scatter(0, best, True), -torch.inf))


class Postprocess(nn.Module):
    """Improve one box: ``postprocess='iou_search'``, or with a box head ``'regression'``."""

    def __init__(
        self, iou_head: nn.Module, box_head: nn.Module | None, size_penalty: float = 0.0
    ) -> None:
        super().__init__()
        self.iou_head = iou_head
        self.box_head = box_head
        self.size_penalty = size_penalty

    def forward(
        self,
        box: Tensor,
        last_size: Tensor,
        modulation: tuple[Tensor, ...],
        iou_features: tuple[Tensor, ...],
        template: tuple[Tensor, ...],
        levels: tuple[Tensor, ...],
    ) -> tuple[Tensor, Tensor]:
        """Improve a (4,) box: (4,) and () its predicted IoU.

        ``last_size`` is the (width, height) in the frame before, in pixels of this crop.
        ``modulation`` and ``iou_features`` are IoU-Net's, ``template`` the fields of the box
        regression's :class:`Template`, and ``levels`` its maps; both empty without it.
        """

        def predict_iou(boxes: Tensor) -> Tensor:
            return self.iou_head.predict_iou(modulation, iou_features, boxes[None])[0]

        boxes = self.iou_head.search(
            modulation,
            iou_features,
            box[None],
            last_size[None],
            self.size_penalty,
            # What is regressed from it is finer.
            fine=self.box_head is None,
        )
        if self.box_head is None:
            return boxes[0], predict_iou(boxes)[0]
        view = Template(*template)
        boxes = torch.cat((boxes, self.box_head(view, levels, boxes[None])[0]))
        iou = predict_iou(boxes)
        # What is regressed from their mean is nearer to the true size, and is averaged in as well.
        mean, _ = _mean_by_iou(boxes, iou)
        again = self.box_head(view, levels, mean[None, None])[0]
        return _mean_by_iou(torch.cat((boxes, again)), torch.cat((iou, predict_iou(again))))


def _mean_by_iou(boxes: Tensor, iou: Tensor) -> tuple[Tensor, Tensor]:
    """(4,) mean of (R, 4) boxes, and () of their (R,) predicted IoU, weighted by the latter.

    In a crowd the regression may go over to a neighbour, which IoU-Net then sees.
    """
    weights = (iou / IOU_SCALE).softmax(dim=0)
    # No matrix product: autocast would round the box, in bfloat16 to two pixels.
    mean = (weights.unsqueeze(1) * boxes).sum(dim=0)
    return mean, (weights * iou.masked_fill(weights == 0, 0)).sum()
