# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""DetNet-59, the backbone that table 3 compares with ResNet-50 (arXiv 1804.06215)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from mmdet.models.backbones.resnet import Bottleneck
from mmengine.model import kaiming_init
from mmtrack.registry import MODELS
from torch import nn

from tlpg_mmtrack.utils.option_rules import checked, some_of

from .tracking_resnet import TrackingResNet

RESNET_STAGES = 3  #: Stages 2 to 4, ResNet-50's; stage 1 is the stem.
NEW_STAGES = ('stage5', 'stage6')
STAGES = some_of(*range(RESNET_STAGES + len(NEW_STAGES)))
BLOCKS, WIDTH, DILATION = 3, 256, 2


@MODELS.register_module()
class DetNet(TrackingResNet):
    """DetNet-59 with the feature maps C3, C4, C5 and C6, the last three of stride 16.

    Up to C4 it is ResNet-50. Stages 5 and 6 keep the map's size: each has three bottlenecks of
    width 256 whose 3x3 convolution is dilated by 2, and the first one's shortcut is a 1x1
    projection (block B; the others are A). With 1024 output channels, as stage 4's, the whole
    costs the 4.8 GFLOPs that the paper states (with ``style='caffe'``). Of ResNet-50's weights
    (``checkpoint='torchvision://resnet50'``) the stem and stages 2 to 4 are taken; the new stages
    start at random, each block as its shortcut.

    Args:
        out_indices: Maps to return, of 0 (C2) to 4 (C6); later stages are not built.
        **kwargs: As in :class:`TrackingResNet`.
    """

    @checked
    def __init__(
        self, out_indices: Annotated[Sequence[int], STAGES] = (1, 2, 3), **kwargs: Any
    ) -> None:
        levels = range(RESNET_STAGES)
        super().__init__(
            50, levels, num_stages=RESNET_STAGES, strides=(1, 2, 2), dilations=(1, 1, 1), **kwargs
        )
        maps = list(self.feature_info)
        for name in NEW_STAGES[: max(0, out_indices[-1] + 1 - RESNET_STAGES)]:
            self.add_module(name, self._dilated_stage())
            self.res_layers.append(name)
            maps.append(maps[-1])
        self.out_indices = tuple(out_indices)
        self.feature_info = tuple(maps[index] for index in out_indices)

    def _dilated_stage(self) -> nn.Sequential:
        """Block B, then blocks A."""
        channels = WIDTH * Bottleneck.expansion
        projection = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )
        options = dict(dilation=DILATION, norm_cfg=self.norm_cfg, with_cp=self.with_cp)
        stage = nn.Sequential(
            *(
                Bottleneck(channels, WIDTH, downsample=shortcut, **options)
                for shortcut in (projection, *[None] * (BLOCKS - 1))
            )
        )
        # Not by an init_cfg: mmengine ignores those of parts where the whole has pretrained ones.
        for module in stage.modules():
            if isinstance(module, nn.Conv2d):
                kaiming_init(module)
            elif isinstance(module, Bottleneck):
                nn.init.zeros_(module.norm3.weight)
        return stage
