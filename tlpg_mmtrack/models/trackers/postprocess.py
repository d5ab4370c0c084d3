# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""From the stages' box to the final one: IoU-Net's search, then the box regression."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..heads.box_regression_head import Template

IOU_SCALE = 0.05
"""A box with this much more predicted IoU than another counts e times as much in their mean."""


class Postprocess(nn.Module):
    """Improve one box: ``postprocess='iou_search'``, or with a box head ``'regression'``.

    Args:
        iou_head: The :class:`IoUNetHead`, or :class:`MMTrackIoUHead`.
        box_head: The :class:`BoxRegressionHead`, or None.
        size_penalty: See :class:`TrackingOptions`.
    """

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
        """Improve a box.

        Args:
            box: (4,), (x1, y1, x2, y2) in crop pixels.
            last_size: (2,), width and height in the frame before, in pixels of this crop.
            modulation: IoU-Net's view of the template.
            iou_features: IoU-Net's maps of the crop.
            template: The fields of the box regression's :class:`Template`; empty without it.
            levels: The backbone's maps of the crop for the box regression; empty without it.

        Returns:
            (4,) the box and () its predicted IoU.
        """
        box = self.iou_head.search(
            modulation,
            iou_features,
            box[None],
            last_size[None],
            self.size_penalty,
            # What is regressed from it is finer.
            fine=self.box_head is None,
        )
        if self.box_head is None:
            return box[0], self._judge(modulation, iou_features, box)[0]
        return self._regress(box, modulation, iou_features, Template(*template), levels)

    def _judge(
        self, modulation: tuple[Tensor, ...], iou_features: tuple[Tensor, ...], boxes: Tensor
    ) -> Tensor:
        """(R,) predicted IoU of (R, 4) boxes."""
        return self.iou_head.predict_iou(modulation, iou_features, boxes[None])[0]

    def _regress(
        self,
        box: Tensor,
        modulation: tuple[Tensor, ...],
        iou_features: tuple[Tensor, ...],
        template: Template,
        levels: tuple[Tensor, ...],
    ) -> tuple[Tensor, Tensor]:
        """Mean of a (1, 4) box and what is regressed from it, and its predicted IoU.

        What is regressed from that mean is averaged in as well: it is nearer to the true size.
        """
        boxes = torch.cat((box, self.box_head(template, levels, box[None])[0]))
        iou = self._judge(modulation, iou_features, boxes)
        mean = mean_by_iou(boxes, iou)[None]
        again = self.box_head(template, levels, mean[None])[0]
        boxes = torch.cat((boxes, again))
        iou = torch.cat((iou, self._judge(modulation, iou_features, again)))
        return mean_by_iou(boxes, iou), mean_by_iou(iou[:, None], iou)[0]


def mean_by_iou(values: Tensor, iou: Tensor) -> Tensor:
    """(D,) mean of (R, D) values of boxes, weighted by their (R,) predicted IoU.

    In a crowd the regression may go over to a neighbour, which IoU-Net then sees.
    """
    weights = (iou / IOU_SCALE).softmax(dim=0)
    # No matrix product: autocast would round the box, in bfloat16 to two pixels.
    return (weights.unsqueeze(1) * values).sum(dim=0)
