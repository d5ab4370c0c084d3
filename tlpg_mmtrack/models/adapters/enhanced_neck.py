# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The feature enhancer behind a neck, in the slot of a neck."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, checked

from ..shape_checks import build_with


@MODELS.register_module()
class EnhancedNeck(BaseModule):
    """A neck whose middle map is enhanced by the other two (section 3.3, figure 4).

    Args:
        neck: Config of a neck that returns three maps, from high to low resolution; their sizes
            may be equal, as in SiamRPN++. ``in_channels`` may be left out.
        enhancer: Config of the :class:`FeatureEnhancer`.
        in_channels: Channels of the backbone's maps.
    """

    @checked
    def __init__(
        self, neck: dict, enhancer: dict, in_channels: Sequence[Count], init_cfg: InitCfg = None
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = tuple(in_channels)
        self.neck = build_with(neck, in_channels=list(in_channels))
        self.enhancer = MODELS.build(enhancer)
        self.out_channels = self.enhancer.out_channels

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor]:
        """A 1-tuple of x_E (N, out_channels, H, W), of the middle map's size."""
        maps = self.neck(feats)
        if len(maps) != 3:
            raise InputError(f'EnhancedNeck: neck must return 3 maps, got {len(maps)}')
        high, x, low = maps
        return (self.enhancer(x, high, low),)
