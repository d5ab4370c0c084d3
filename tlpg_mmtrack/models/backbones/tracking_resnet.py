# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""MMDetection's ResNet with the declaration of its feature maps that TLPG reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.models.backbones import ResNet
from mmtrack.registry import MODELS

from ..shape_checks import MapShape, declare_maps

STEM_STRIDE = 4


@MODELS.register_module()
class TrackingResNet(ResNet):
    """The paper's backbone: ResNet with the feature maps C3, C4, C5 (section 3.3).

    Every kernel is odd and padded symmetrically, so the receptive field of cell ``j`` is centred
    exactly on pixel ``stride * j``: all cell offsets are 0. ImageNet weights come from the config,
    ``init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')``; state dicts are
    those of ``mmdet.ResNet``.

    Args:
        depth: 18, 34, 50, 101 or 152.
        out_indices: Stages to return; (1, 2, 3) are C3, C4, C5.
        norm_eval: Keep batch norm in evaluation mode while training: a batch holds few sequences,
            and the frames of one sequence look alike, so its statistics would be poor.
        **kwargs: As in ``mmdet.ResNet``, ``frozen_stages`` among them.

    Attributes:
        feature_info: One :class:`MapShape` per returned map; :func:`declare_maps` has the others.
        strides: Strides of the returned maps; in mmdet, of the stages.
    """

    def __init__(
        self,
        depth: int = 50,
        out_indices: Sequence[int] = (1, 2, 3),
        norm_eval: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(depth, out_indices=tuple(out_indices), norm_eval=norm_eval, **kwargs)
        maps = []
        stride = STEM_STRIDE
        for stage in range(self.num_stages):
            stride *= self.strides[stage]
            channels = self.block.expansion * self.base_channels * 2**stage
            maps.append(MapShape(channels, stride, 0.0))
        declare_maps(self, [maps[index] for index in self.out_indices])

    def train(self, mode: bool = True) -> TrackingResNet:
        """Set the training mode as mmdet does, and return the module, which mmdet does not."""
        super().train(mode)
        return self
