# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Box regression: where the four sides of the target are, in a window around a proposal.

This head, learned offline, pools a fixed grid from a window around the proposal, whatever its size
and aspect, and the same grid around the template's box, so that both show the target alike. Every
bin of the search window is compared with every bin of the target (pixel-wise correlation,
Alpha-Refine, arXiv 2012.06815). Each side is read off as the mean of a distribution over the rows
or columns of the grid, as in side-aware boundary localisation (SABL, arXiv 1912.04260).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import InitCfg, checked, multiple_of

from ...ops import prroi_pool_boxes
from .feature_levels import CHANNELS_PER_GROUP, TemplateHead, conv_norm_relu, vary_boxes

L1 = dict(type='mmdet.L1Loss', loss_weight=2.0)
GIOU = dict(type='mmdet.GIoULoss')
# Side of the window in sides of the proposal, which leaves half a proposal around it.
_WINDOW = 2.0
# Training proposals: widest spread of the normal variates, and their bound, in box sizes.
_MAX_SPREAD = 0.3
_MAX_JITTER = 0.5


@dataclass(frozen=True)
class Template:
    """The targets of B template crops."""

    kernels: Tensor  #: (B, C, M, 3, 3), its first convolution of a search window and its matches.
    context: Tensor  #: (B, C, bins, bins), what the window around the target adds to its result.
    #: (B, C / 2, bins, bins), unit vectors that a search window's bins are compared with.
    keys: Tensor

    def repeat(self, times: int) -> Template:
        """Each target several times in a row."""
        if times == 1:
            return self
        return Template(
            *(x.repeat_interleave(times, dim=0) for x in (self.kernels, self.context, self.keys))
        )


@MODELS.register_module()
class BoxRegressionHead(TemplateHead):
    """Regress the target's box from a proposal that overlaps it.

    Args:
        in_channels: See :class:`TemplateHead`, for ``strides`` and ``cell_offsets`` too.
        channels: Width of the head, a multiple of 16.
        bins: Side of the grid that is pooled from the finest level, a multiple of 4; a coarser
            level's is smaller by the ratio of the strides.
        loss_side: Config of the loss of the sides, in target sizes.
        loss_giou: Config of the loss of the boxes.

    Example:
        >>> head = BoxRegressionHead(in_channels=(40, 112))
        >>> feats = (torch.rand(1, 40, 36, 36), torch.rand(1, 112, 18, 18))
        >>> template = head.template(feats, torch.tensor([[115.0, 115.0, 173.0, 173.0]]))
        >>> head(template, feats, torch.tensor([[[120.0, 110.0, 170.0, 170.0]]])).shape
        torch.Size([1, 1, 4])
    """

    @checked
    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int] = (8, 16),
        cell_offsets: Sequence[float] | None = None,
        channels: Annotated[int, multiple_of(CHANNELS_PER_GROUP)] = 64,
        bins: Annotated[int, multiple_of(4)] = 16,
        loss_side: dict = L1,
        loss_giou: dict = GIOU,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(in_channels, strides, cell_offsets, init_cfg)
        self.loss_side = MODELS.build(loss_side)
        self.loss_giou = MODELS.build(loss_giou)
        self.bins_per_level = [bins * strides[0] // stride for stride in strides]
        if min(self.bins_per_level) < 2:
            raise InputError(
                'BoxRegressionHead: bins must be enough that 2 are left at the coarsest of the '
                f'strides {tuple(strides)}, got {bins}'
            )

        # The finest level has the detail, the others say what it belongs to.
        self.level_convs = nn.ModuleList(
            conv_norm_relu(width, channels, 1 if level else 3)
            for level, width in enumerate(in_channels)
        )
        self.gains = nn.Linear(channels, channels)
        self.match = nn.Conv2d(channels, channels // 2, 1, bias=False)
        matches = (bins // 2) ** 2 + 1
        self.trunk = nn.Sequential(
            conv_norm_relu(3 * channels + matches, channels),
            conv_norm_relu(channels, channels),
            conv_norm_relu(channels, channels),
        )
        self.columns = _side_convs(channels)
        self.rows = _side_convs(channels)
        # Centres of the bins, in half windows.
        centers = (torch.arange(bins) + 0.5) / bins * 2 - 1
        self.register_buffer('bin_centers', centers, persistent=False)
        near = centers.abs() < 1 / _WINDOW
        on_target = (near[:, None] & near).flatten()
        # Indices: of a mask a GPU has to be asked how many are in it.
        self.register_buffer('_on_target', on_target.nonzero()[:, 0], persistent=False)
        self.register_buffer('_around', (~on_target).nonzero()[:, 0], persistent=False)

    def template(self, feats: Sequence[Tensor], boxes: Tensor) -> Template:
        """Describe the (B, 4) targets of template crops."""
        windows = self.windows(feats, boxes.unsqueeze(1))
        gains = self.gains(windows.flatten(2)[..., self._on_target].mean(dim=2))
        kernels, context = self._first_convolution(windows, gains)
        return Template(kernels, context, F.normalize(self.match(windows), dim=1))

    describe = template

    def _first_convolution(self, windows: Tensor, gains: Tensor) -> tuple[Tensor, Tensor]:
        """Each target's kernels of the trunk's first convolution, and what its window adds."""
        # Its input is the search window twice, once with the target's (B, C) gains, the target's
        # window, and the matches. Gains may as well be on its weights.
        weight = self.trunk[0][0].weight
        width = windows.shape[1]
        weighted, plain, target, matches = weight.split(
            (width, width, width, weight.shape[1] - 3 * width), dim=1
        )
        kernels = gains[:, None, :, None, None] * weighted + plain
        matches = matches.expand(len(gains), -1, -1, -1, -1)
        context = F.conv2d(windows, target, padding=1)
        return torch.cat((kernels, matches), dim=2), context

    def forward(self, template: Template, feats: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """Regress (B * T, R, 4) boxes from proposals; arguments as of :meth:`IoUNetHead.forward`.

        Each is inside the window of twice the proposal's size; where the head is untrained its
        sides may be in the wrong order.
        """
        windows = self.windows(feats, boxes)
        template = template.repeat(len(windows) // len(template.keys))
        matches = self.matches(template.keys, windows)
        hidden = _convolve_each(torch.cat((windows, matches), dim=1), template.kernels)
        _, norm, relu = self.trunk[0]
        hidden = self.trunk[1:](relu(norm(hidden + template.context)))
        left_right = self._sides(self.columns, hidden, dim=2)
        top_bottom = self._sides(self.rows, hidden, dim=3)
        sides = torch.stack((left_right, top_bottom), dim=-1).flatten(1).view_as(boxes)
        center, size = bbox_xyxy_to_cxcywh(boxes).split(2, dim=-1)
        half = size * _WINDOW / 2
        return center.repeat(1, 1, 2) + sides * half.repeat(1, 1, 2)

    def draw(self, boxes: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """(B, 1, 4) boxes around (B, 4), which they should give; see :func:`draw_proposals`."""
        return draw_proposals(boxes, generator).unsqueeze(1), boxes.unsqueeze(1)

    def loss_by_feat(self, regressed: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        """``loss_side`` and ``loss_giou`` of regressed against true (..., 4) boxes."""
        regressed, boxes = regressed.reshape(-1, 4), boxes.reshape(-1, 4)
        size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        return dict(
            loss_side=self.loss_side(regressed / size, boxes / size),
            loss_giou=self.loss_giou(regressed, boxes),
        )

    def windows(self, feats: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """(B * R, channels, bins, bins), the windows around (B, R, 4) boxes."""
        center, size = bbox_xyxy_to_cxcywh(boxes).split(2, dim=-1)
        half = size * _WINDOW / 2
        windows = torch.cat((center - half, center + half), dim=-1)
        maps = [
            conv(prroi_pool_boxes(feat, grid.to_cells(windows), bins).flatten(0, 1))
            for conv, feat, bins, grid in zip(
                self.level_convs, feats, self.bins_per_level, self.grids, strict=True
            )
        ]
        size = maps[0].shape[-2:]
        coarse = [
            F.interpolate(level, size, mode='bilinear', align_corners=False) for level in maps[1:]
        ]
        return sum(coarse, start=maps[0])

    def matches(self, keys: Tensor, windows: Tensor) -> Tensor:
        """(N, bins**2 / 4 + 1, bins, bins) cosines of search bins with target bins, and around."""
        query = F.normalize(self.match(windows), dim=1)
        cosines = torch.einsum('ncp,nchw->nphw', keys.flatten(2), query)
        # Of the target's surroundings only the likest bin counts.
        around = cosines[:, self._around].amax(dim=1, keepdim=True)
        return torch.cat((cosines[:, self._on_target], around), dim=1)

    def _sides(self, convs: nn.Module, hidden: Tensor, dim: int) -> Tensor:
        """(N, 2) near and far side along one axis, in half windows; ``dim`` is the other axis."""
        profile = torch.cat((hidden.mean(dim), hidden.amax(dim)), dim=1)
        return (convs(profile).softmax(dim=-1) * self.bin_centers).sum(dim=-1)


def _convolve_each(maps: Tensor, kernels: Tensor) -> Tensor:
    """(N, C, H, W): each of (N, M, H, W) maps, convolved with its own (C, M, 3, 3) kernel."""
    count, _, height, width = maps.shape
    grouped = F.conv2d(
        maps.reshape(1, -1, height, width), kernels.flatten(0, 1), padding=1, groups=count
    )
    return grouped.view(count, -1, height, width)


def draw_proposals(boxes: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw a box around each of (B, 4), of mean IoU 0.64 with it, as :func:`jitter_boxes` does.

    The spread is up to 0.3, and no jitter is beyond 0.5. Half of them keep their aspect, as most
    targets do from frame to frame.
    """
    device = boxes.device if generator is None else generator.device
    count = len(boxes)
    spread = _MAX_SPREAD * torch.rand(count, 1, generator=generator, device=device)
    jitter = spread * torch.randn(count, 4, generator=generator, device=device)
    keep_aspect = torch.rand(count, generator=generator, device=device) < 0.5
    jitter[:, 3] = torch.where(keep_aspect, jitter[:, 2], jitter[:, 3])
    jitter = jitter.clamp(-_MAX_JITTER, _MAX_JITTER).to(boxes)
    return vary_boxes(boxes.detach(), jitter)


def _side_convs(channels: int) -> nn.Sequential:
    """From the mean and maximum of each row or column to two distributions over them."""
    return nn.Sequential(
        nn.Conv1d(2 * channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv1d(channels, 2, 3, padding=1),
    )
