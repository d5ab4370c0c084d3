# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""From a peak of the score map to one box, and from that to the final one (sections 3.3 and 3.5).

All boxes are (x1, y1, x2, y2) in crop pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor, nn

from ..heads.box_regression_head import Template
from ..heads.dcc_head import DCCHead
from ..numerics import rankable
from ..torchscript import tensors_of

if TYPE_CHECKING:
    from .frame_network import FrameNetwork, StageOutput
    from .target_state import Look, TargetState

#: A box with this much more predicted IoU than another counts e times as much in their mean.
IOU_SCALE = 0.05


def find_box(network: FrameNetwork, look: Look, target: TargetState) -> tuple[Tensor, Tensor]:
    """Find the (4,) box at the peak of a search region, and () its predicted IoU.

    That is 1 where IoU-Net is not asked.
    """
    seen, options = look.seen, network.options
    boxes = _proposals(network.head, seen.stages[0], look.last_size)
    row, column = look.place.cell
    peak = row * look.scores.shape[1] + column
    near = bbox_overlaps(boxes[peak : peak + 1], boxes)[0] > options.merge_iou
    # Also where the peak's own proposal is degenerate and overlaps nothing.
    near[peak] = True
    # No selection: a GPU would have to be asked how many there are.
    scores = look.scores.flatten().masked_fill(~near, -torch.inf)
    if network.refiner is not None:
        view = seen.stages[1] if seen.enhanced is None else seen.enhanced
        boxes, scores = network.refiner.refine(view, boxes, scores)
    if options.postprocess == 'iou':
        iou = network.iou_head.predict_iou(target.modulation, seen.iou_features, boxes[None])
        iou = iou[0].masked_fill(scores.isneginf(), -torch.inf)
        return merge_by_iou(boxes, iou, options.merge_iou)
    box = merge_by_score(boxes, scores, options.merge_iou)
    if options.postprocess == 'nms':
        return box, box.new_ones(())
    template = () if target.template is None else tensors_of(target.template)
    return network.postprocess(
        box, look.last_size, target.modulation, seen.iou_features, template, seen.levels
    )


def _proposals(head: DCCHead, stage: StageOutput, last_size: Tensor) -> Tensor:
    """(H*W, 4), stage 1's box at every cell; a head that proposes none leaves the last size."""
    if head.proposes:
        return stage.boxes
    half = (last_size / head.grid.stride / 2).repeat(2).view(1, 4, 1, 1)
    return head.proposal_boxes(half.expand_as(stage.distances[0]))[0]


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
