# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What heads on several maps of the backbone share: IoU-Net and box regression."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmengine.model import BaseModule
from torch import Tensor, nn

from tlpg_mmtrack.structures import CellGrid
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, checked

CHANNELS_PER_GROUP = 16  #: Of the group norm.


class TemplateHead(BaseModule, ABC):
    """Compares boxes of search crops with the targets of template crops.

    All boxes are (x1, y1, x2, y2) in pixels of the crop.

    Args:
        in_channels: Channels of the backbone's maps, one entry a level, the finest first.
        strides: Strides of those maps in crop pixels.
        cell_offsets: Crop pixel of the centre of cell 0, for each level; zeros by default.

    Raises:
        InputError: An argument has not one entry a level.
    """

    @checked
    def __init__(
        self,
        in_channels: Sequence[Count],
        strides: Sequence[Count],
        cell_offsets: Sequence[float] | None,
        init_cfg: InitCfg,
    ) -> None:
        super().__init__(init_cfg)
        offsets = [0.0] * len(in_channels) if cell_offsets is None else cell_offsets
        self.in_channels = tuple(in_channels)
        self.check_levels(strides=strides, cell_offsets=offsets)
        self.grids = tuple(map(CellGrid, strides, offsets))

    def check_levels(self, **per_level: Sequence[float]) -> None:
        """Raise an InputError unless arguments of the constructor have one entry a level."""
        for key, values in per_level.items():
            if len(values) != len(self.in_channels):
                raise InputError(
                    f'{type(self).__name__}.{key}: expected {len(self.in_channels)} entries, one '
                    f'for each of in_channels {self.in_channels}, got {tuple(values)}'
                )

    @abstractmethod
    def describe(self, feats: Sequence[Tensor], boxes: Tensor) -> Any:
        """Describe the (B, 4) targets of template crops, of which there are maps."""

    @abstractmethod
    def draw(self, boxes: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Draw (B, R, 4) boxes to train on around true ones, (B, 4), and what they should give."""

    def loss(
        self,
        template_feats: Sequence[Tensor],
        template_boxes: Tensor,
        search_feats: Sequence[Tensor],
        search_boxes: Tensor,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """The head's ``loss_by_feat`` of boxes that the generator draws around the true ones.

        Of the backbone's maps of B template crops, one for each sequence, and their (B, 4)
        targets; likewise of B * T search crops, T of each sequence in a row.
        """
        proposals, targets = self.draw(search_boxes, generator)
        template = self.describe(template_feats, template_boxes)
        return self.loss_by_feat(self(template, search_feats, proposals), targets)


def conv_norm_relu(in_channels: int, out_channels: int, kernel_size: int = 3) -> nn.Sequential:
    """Convolution that keeps the map's size, group norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.GroupNorm(out_channels // CHANNELS_PER_GROUP, out_channels),
        nn.ReLU(inplace=True),
    )


def vary_boxes(boxes: Tensor, variations: Tensor) -> Tensor:
    """Boxes (..., 4) moved by shares of their sizes, and resized by changes of their log sizes."""
    center, size = bbox_xyxy_to_cxcywh(boxes).split(2, dim=-1)
    shift, change = variations.split(2, dim=-1)
    center, half = center + shift * size, size * change.exp() / 2
    return torch.cat((center - half, center + half), dim=-1)
