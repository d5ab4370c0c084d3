# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The balanced neck (section 3.4, eq. 7)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, Natural, checked

QUIET = 0.1  #: Initial gain of the levels other than the reference.


def resize_map(level: Tensor, size: tuple[int, int]) -> Tensor:
    """Average-pool a larger (N, C, H, W) map to ``size``, interpolate a smaller one bilinearly.

    Section 3.4, below eq. 7. Both take the outer edges of the maps as aligned: cell ``i`` of the
    result, of m cells, lies on ``(i + 0.5) * n / m - 0.5`` of the source, of n.
    """
    size = tuple(size)
    if level.shape[-2:] == size:
        return level
    if level.shape[-2] >= size[0] and level.shape[-1] >= size[1]:
        return F.adaptive_avg_pool2d(level, size)
    return F.interpolate(level, size, mode='bilinear', align_corners=False)


class LateralConv(nn.Conv2d):
    """A 1x1 convolution that starts orthogonal, times ``gain``.

    It starts as the identity where that is 1 and the widths are equal. mmtrack's SiamRPN and STARK
    call ``reset_parameters`` of each convolution of their neck, other models its ``init_weights``.
    """

    def __init__(self, in_channels: int, out_channels: int, gain: float) -> None:
        # The constructor of nn.Conv2d already calls reset_parameters.
        self.gain = gain
        super().__init__(in_channels, out_channels, 1)

    def reset_parameters(self) -> None:
        weight = self.weight.data[..., 0, 0]
        if self.gain == 1.0 and self.in_channels == self.out_channels:
            nn.init.eye_(weight)
        else:
            nn.init.orthogonal_(weight, self.gain)
        nn.init.zeros_(self.bias)


@MODELS.register_module()
class BalancedNeck(BaseModule):
    """Average the levels of a backbone with learned, bounded weights (eq. 7).

    ``x = 1/L * sum_l n_l C'_l`` with ``n = softmax`` of L scalars. Each ``C'_l`` is a 1x1
    convolution of ``C_l``, brought to the reference level's size by :func:`resize_map`.

    Resizing takes a cell for a tile of the image, as EfficientNetLite's are. With cells on
    ``stride * j`` (ResNet) C5' is displaced by 8 pixels and C3' by 4, alike over the whole map if
    crops are multiples of 32 pixels.

    x starts close to C4 / 9 (docs/decisions.md); :meth:`init_weights` restores that start.

    Args:
        in_channels: Channels of each input level.
        out_channels: Channels of the result; None for the reference level's, as in the paper.
        reference_level: Index of the level whose size the result has.

    Example:
        >>> neck = BalancedNeck((40, 112, 320))
        >>> feats = [torch.zeros(1, c, s, s) for c, s in ((40, 36), (112, 18), (320, 9))]
        >>> [tuple(x.shape) for x in neck(feats)]
        [(1, 112, 18, 18)]
    """

    @checked
    def __init__(
        self,
        in_channels: Sequence[Count],
        out_channels: Count | None = None,
        reference_level: Natural = 1,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = tuple(in_channels)
        if reference_level >= len(self.in_channels):
            raise InputError(
                f'BalancedNeck: reference_level must index in_channels {self.in_channels}, '
                f'got {reference_level}'
            )
        self.reference_level = reference_level
        self.out_channels = out_channels or self.in_channels[reference_level]
        self.lateral_convs = nn.ModuleList(
            LateralConv(channels, self.out_channels, 1.0 if level == reference_level else QUIET)
            for level, channels in enumerate(self.in_channels)
        )
        self.weight_logits = nn.Parameter(torch.zeros(len(self.in_channels)))

    def init_weights(self) -> None:
        """Start near the reference level; MMEngine calls this before training."""
        if not self.is_init:
            for conv in self.lateral_convs:
                conv.reset_parameters()
        super().init_weights()

    @property
    def weights(self) -> Tensor:
        """The weights ``n_l`` of eq. 7, (L,)."""
        return self.weight_logits.softmax(0)

    def laterals(self, feats: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """C3', C4', C5', (N, out_channels, H_l, W_l), of the backbone's maps."""
        channels = tuple(feat.shape[1] for feat in feats)
        if channels != self.in_channels:
            raise InputError(
                f'BalancedNeck: feats must have in_channels {self.in_channels}, got {channels}; '
                'set in_channels to what the backbone returns'
            )
        return tuple(conv(feat) for conv, feat in zip(self.lateral_convs, feats, strict=True))

    def fuse(self, laterals: Sequence[Tensor]) -> Tensor:
        """The map x (N, out_channels, H, W) of what :meth:`laterals` returned (eq. 7)."""
        size = laterals[self.reference_level].shape[-2:]
        weights = self.weights
        fused = sum(weights[i] * resize_map(level, size) for i, level in enumerate(laterals))
        return fused / len(laterals)

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor]:
        """Fuse the backbone's maps, (N, in_channels[l], H_l, W_l) each, into a 1-tuple of x."""
        return (self.fuse(self.laterals(feats)),)
