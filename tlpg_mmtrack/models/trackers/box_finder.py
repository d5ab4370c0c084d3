# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""From a peak of the score map to the target's box (sections 3.3 and 3.5)."""

from __future__ import annotations

import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from ..heads.box_regression_head import Template
from ..torchscript import tensors_of
from .frame_network import FrameNetwork, Observation, StageOutput
from .options import TrackingOptions
from .postprocess import merge_by_iou, merge_by_score


class BoxFinder:
    """Finds the box at a peak; boxes are (x1, y1, x2, y2) in crop pixels.

    Args:
        network: What runs on every frame.
        options: Test-time settings.
    """

    def __init__(self, network: FrameNetwork, options: TrackingOptions) -> None:
        self.network = network
        self.options = options

    def find(
        self,
        seen: Observation,
        scores: Tensor,
        cell: tuple[int, int],
        last_size: Tensor,
        modulation: tuple[Tensor, ...],
        template: Template | None,
    ) -> tuple[Tensor, Tensor]:
        """Find the box.

        Args:
            seen: What network and target models say of the crop.
            scores: (H, W), the score map.
            cell: (row, column) of the peak.
            last_size: (2,), width and height of the last box.
            modulation: IoU-Net's view of the target; empty without it.
            template: The box regression's; None without it.

        Returns:
            (4,) the box and () its predicted IoU, 1 where IoU-Net is not asked.
        """
        network, options = self.network, self.options
        boxes = self._proposals(seen.stages[0], last_size)
        peak = cell[0] * scores.shape[1] + cell[1]
        near = bbox_overlaps(boxes[peak : peak + 1], boxes)[0] > options.merge_iou
        # Also where the peak's own proposal is degenerate and overlaps nothing.
        near[peak] = True
        # No selection: a GPU would have to be asked how many there are.
        scores = scores.flatten().masked_fill(~near, -torch.inf)
        if network.refiner is not None:
            view = seen.stages[1] if seen.enhanced is None else seen.enhanced
            boxes, scores = network.refiner.refine(view, boxes, scores)
        if options.postprocess == 'iou':
            iou = network.iou_head.predict_iou(modulation, seen.iou_features, boxes[None])
            iou = iou[0].masked_fill(scores.isneginf(), -torch.inf)
            return merge_by_iou(boxes, iou, options.merge_iou)
        box = merge_by_score(boxes, scores, options.merge_iou)
        if options.postprocess == 'nms':
            return box, box.new_ones(())
        fields = () if template is None else tensors_of(template)
        return network.postprocess(
            box, last_size, modulation, seen.iou_features, fields, seen.levels
        )

    def _proposals(self, stage: StageOutput, last_size: Tensor) -> Tensor:
        """(H*W, 4), stage 1's box at every cell; a head that proposes none leaves the last size.

        Args:
            stage: What stage 1 says.
            last_size: (2,), width and height in crop pixels.
        """
        head = self.network.head
        if head.proposes:
            return stage.boxes
        half = (last_size / head.grid.stride / 2).repeat(2).view(1, 4, 1, 1)
        return head.proposal_boxes(half.expand_as(stage.distances[0]))[0]
