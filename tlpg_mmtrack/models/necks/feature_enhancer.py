# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The feature enhancement of stage 2 (section 3.3, figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, checked, multiple_of

from .balanced_neck import resize_map

GROUPS, BRANCHES = 8, 3


@MODELS.register_module()
class FeatureEnhancer(BaseModule):
    """Enrich x with detail and context for the refinement stage: ``x_E = x + combine(branches)``.

    Three parallel branches at strides 8 (C3'), 16 (x) and 32 are fused fully connected, each
    receiving every other one resized, and are then combined at x's size. Inside a branch the
    convolution is depthwise separable, between branches 1x1.

    The combining convolution starts at zero, so that before training ``x_E`` is x, or a 1x1
    convolution of x when ``out_channels`` differs; :meth:`init_weights` restores that start. Group
    norm replaces batch norm: a frame's features must not depend on the frames beside it.

    Args:
        in_channels: Channels of (C3', x, C5').
        channels: Width of the branches, a multiple of 8.
        out_channels: Channels of ``x_E``; None for x's.
        low_source: Where the branch of stride 32 starts, the paper's text names both: 'c5', C5' of
            the neck; or 'conv', a strided 3x3 convolution of x, and C5' is not read.

    Example:
        >>> enhancer = FeatureEnhancer((112, 112, 112), channels=64)
        >>> high, x, low = (torch.zeros(1, 112, size, size) for size in (36, 18, 9))
        >>> enhancer(x, high, low).shape
        torch.Size([1, 112, 18, 18])
    """

    @checked
    def __init__(
        self,
        in_channels: tuple[Count, Count, Count],
        channels: Annotated[int, multiple_of(GROUPS)],
        out_channels: Count | None = None,
        low_source: Literal['c5', 'conv'] = 'c5',
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = tuple(in_channels)
        self.low_source = low_source
        high, mid, low = self.in_channels
        self.out_channels = out_channels or mid
        if low_source == 'conv':
            enter_low = nn.Conv2d(mid, channels, 3, stride=2, padding=1, bias=False)
        else:
            enter_low = nn.Conv2d(low, channels, 1, bias=False)
        enter = [nn.Conv2d(width, channels, 1, bias=False) for width in (high, mid)]
        self.enter = nn.ModuleList(
            nn.Sequential(conv, nn.GroupNorm(GROUPS, channels), nn.ReLU())
            for conv in (*enter, enter_low)
        )
        self.fusion = FullyConnectedFusion(BRANCHES, channels)
        self.combine = ZeroConv(BRANCHES * channels, self.out_channels, 1)
        same = self.out_channels == mid
        self.shortcut = nn.Identity() if same else nn.Conv2d(mid, self.out_channels, 1)

    def init_weights(self) -> None:
        """Start as the identity; MMEngine calls this before training."""
        if not self.is_init:
            self.combine.reset_parameters()
        super().init_weights()

    def forward(self, x: Tensor, high: Tensor, low: Tensor | None = None) -> Tensor:
        """Enhance x (N, in_channels[1], H, W) of stage 1 to x_E (N, out_channels, H, W).

        ``high`` is C3', twice as large, and ``low`` C5', half as large, which is read with
        ``low_source='c5'`` only.
        """
        sources = (high, x, x if self.low_source == 'conv' else low)
        for name, source, enter in zip(('high', 'x', 'low'), sources, self.enter, strict=True):
            got = None if source is None else source.shape[1]
            if got != enter[0].in_channels:
                raise InputError(
                    f'FeatureEnhancer: {name} must have {enter[0].in_channels} channels '
                    f'(in_channels {self.in_channels}), got {got}'
                )
        branches = [enter(source) for enter, source in zip(self.enter, sources, strict=True)]
        size = x.shape[-2:]
        branches = [resize_map(branch, size) for branch in self.fusion(branches)]
        return self.shortcut(x) + self.combine(torch.cat(branches, 1))


class ZeroConv(nn.Conv2d):
    """A convolution that starts at zero; see :class:`LateralConv`."""

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


class FullyConnectedFusion(nn.Module):
    """Every branch receives every other: ``y_i = relu(norm(sum_j T_ij(b_j)))`` (figure 4).

    ``T_ii`` is a depthwise separable 3x3 convolution, ``T_ij`` a resize and a 1x1 convolution,
    which commute: the convolution works on the smaller map.
    """

    def __init__(self, num_branches: int, channels: int) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(
            nn.ModuleList(
                _separable_conv(channels)
                if i == j
                else nn.Conv2d(channels, channels, 1, bias=False)
                for j in range(num_branches)
            )
            for i in range(num_branches)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, channels) for _ in range(num_branches))

    def forward(self, branches: Sequence[Tensor]) -> list[Tensor]:
        """Exchange features between maps (N, channels, H_i, W_i), whose shapes stay."""
        fused = []
        for target, transforms, norm in zip(branches, self.transforms, self.norms, strict=True):
            size = target.shape[-2:]
            total = sum(
                _transform_to(transform, branch, size)
                for transform, branch in zip(transforms, branches, strict=True)
            )
            fused.append(norm(total).relu())
        return fused


def _separable_conv(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
    )


def _transform_to(transform: nn.Module, branch: Tensor, size: tuple[int, int]) -> Tensor:
    if branch.shape[-1] > size[-1]:
        return transform(resize_map(branch, size))
    return resize_map(transform(branch), size)
