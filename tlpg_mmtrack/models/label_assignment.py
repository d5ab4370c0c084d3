# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Which cells of a map are the target's, in learning online and in training (section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from mmdet.structures.bbox import bbox_overlaps
from mmtrack.registry import TASK_UTILS
from torch import Tensor

from tlpg_mmtrack.utils.option_rules import CheckedOptions, Count, Probability

# theta_lo: a cell with a lower label is a negative, offline only.
_NEGATIVE_LABEL = 0.5


def gaussian_labels(
    boxes: Tensor, size: tuple[int, int], center_shrink: float = 0.3, sigma: float = 0.25
) -> Tensor:
    """Classification labels of section 3.2: 1 in the centre region, 0 outside the box.

    Between the two they fall off as a Gaussian centred on the box. The centre region, like the
    box, is never thinner than a cell: a thin target too has a cell of label 1, wherever it lies.

    (..., H, W) maps of ``size`` (H, W), for (..., 4) boxes (x1, y1, x2, y2) in cells; a cell's
    centre is its index. ``center_shrink`` is sigma_c, the centre region's size, and ``sigma`` the
    Gaussian's standard deviation, both relative to the box.
    """
    centers = (boxes[..., :2] + boxes[..., 2:]) / 2
    sizes = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1.0)
    relative, central = [], []
    for axis, length in ((1, size[0]), (0, size[1])):
        cells = torch.arange(length, device=boxes.device, dtype=boxes.dtype)
        distance = (cells - centers[..., axis, None]).abs()
        extent = sizes[..., axis, None]
        relative.append(distance / extent)
        central.append(distance <= (center_shrink / 2 * extent).clamp(min=0.5))
    rows, columns = relative[0].unsqueeze(-1), relative[1].unsqueeze(-2)
    labels = torch.exp(-(rows**2 + columns**2) / (2 * sigma**2))
    labels = torch.where(central[0].unsqueeze(-1) & central[1].unsqueeze(-2), 1.0, labels)
    return torch.where(torch.maximum(rows, columns) <= 0.5, labels, 0.0)


@TASK_UTILS.register_module()
@dataclass(frozen=True)
class DCCAssigner(CheckedOptions):
    """Labels, positives and negatives of deformable central correlation."""

    center_shrink: Probability = 0.3  #: sigma_c, the centre region's size relative to the box.
    #: Between the centre region and the box, where section 3.2 has two labels: ``'gaussian'``,
    #: smoothed; or ``'ignore'``, such cells count for nothing.
    label_band: Literal['gaussian', 'ignore'] = 'gaussian'
    positive_iou: Probability = 0.6  #: theta_hi, IoU from which on a proposal is a positive.
    regression_cells: Count = 16  #: Cells nearest the target at which each frame's box is learned.

    def labels(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """:func:`gaussian_labels` with this centre region."""
        return gaussian_labels(boxes, size, self.center_shrink)

    def counted(self, labels: Tensor) -> Tensor:
        """1 where a cell's label counts, 0 in a band that is ignored."""
        if self.label_band == 'gaussian':
            return torch.ones_like(labels)
        return ((labels == 0) | (labels == 1)).to(labels.dtype)

    def regressed(self, boxes: Tensor, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of (P, 2) all cells' (x, y) those at which (B, n, 4) boxes are learned: the nearest.

        (B, n, R) indices, (B, n, R, 4) distances (l, t, r, b) from each to the box's sides, and
        (B, n, R) whether it is in the centre region, or the nearest of all.
        """
        centers = (boxes[..., :2] + boxes[..., 2:]) / 2
        extent = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-3)
        relative = ((cells - centers.unsqueeze(2)) / extent.unsqueeze(2)).abs().amax(-1)
        count = min(self.regression_cells, len(cells))
        distance, nearest = relative.topk(count, dim=-1, largest=False)
        central = distance <= self.center_shrink / 2
        central[..., 0] = True
        places, corners = cells[nearest], boxes.unsqueeze(2)
        targets = torch.cat((places - corners[..., :2], corners[..., 2:] - places), -1)
        return nearest, targets, central

    def positives(self, proposals: Tensor, targets: Tensor, central: Tensor) -> Tensor:
        """(B, n, R), 1 where a box is to be regressed: central cells, and where the proposal fits.

        Proposals and targets are (B, n, R, 4), distances (l, t, r, b) in cells.
        """
        signs = proposals.new_tensor([-1.0, -1.0, 1.0, 1.0])
        overlaps = bbox_overlaps(
            (proposals * signs).flatten(0, 2), (targets * signs).flatten(0, 2), is_aligned=True
        )
        return torch.maximum(central, (overlaps.view_as(central) >= self.positive_iou).float())

    def negatives(self, labels: Tensor, overlaps: Tensor) -> Tensor:
        """1 where a proposal, of this IoU with the true box, is to leave the target alone."""
        return ((labels < _NEGATIVE_LABEL) & (overlaps < self.positive_iou)).float()
