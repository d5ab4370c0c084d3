# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""MMDetection's ResNet with the declaration of its feature maps that TLPG reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet.models.backbones import ResNet
from mmtrack.registry import MODELS

from ..shape_checks import MapShape

STEM_STRIDE = 4


@MODELS.register_module()
class TrackingResNet(ResNet):
    """The paper's backbone: mmdet's ``ResNet`` with the feature maps C3, C4, C5 (section 3.3).

    Every kernel is odd and padded symmetrically, so that cell ``j`` is centred on pixel ``stride *
    j``. Batch norm stays in evaluation mode in training: the statistics of a batch, of a few
    sequences whose frames look alike, would be poor. ImageNet weights come from the config,
    ``init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')``. Arguments are those
    of ``mmdet.ResNet``; of its stages, (1, 2, 3) are C3, C4, C5.

    Attributes:
        feature_info: One :class:`MapShape` per returned map.
    """

    def __init__(
        self,
        depth: int = 50,
        out_indices: Sequence[int] = (1, 2, 3),
        norm_eval: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(depth, out_indices=tuple(out_indices), norm_eval=norm_eval, **kwargs)
        width = self.block.expansion * self.base_channels
        strides = STEM_STRIDE * np.cumprod(self.strides)
        self.feature_info = tuple(
            MapShape(width * 2**stage, int(strides[stage]), 0.0) for stage in self.out_indices
        )

    def train(self, mode: bool = True) -> TrackingResNet:
        """Set the training mode, and return the module, which mmdet does not."""
        super().train(mode)
        return self
