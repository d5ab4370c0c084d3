# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""From a peak of the score map to the target's box (sections 3.3 and 3.5)."""

from __future__ import annotations

import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from ..heads.dcc_head import DCCHead
from ..torchscript import tensors_of
from .frame_network import FrameNetwork, StageOutput
from .postprocess import merge_by_iou, merge_by_score
from .target_state import Look, TargetState


def find_box(network: FrameNetwork, look: Look, target: TargetState) -> tuple[Tensor, Tensor]:
    """Find the box at the peak of a search region.

    Returns:
        (4,) the box, (x1, y1, x2, y2) in crop pixels, and () its predicted IoU, 1 where IoU-Net is
        not asked.
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
