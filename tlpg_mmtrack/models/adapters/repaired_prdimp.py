# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's PrDiMP with its neck built and its parts checked against one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmtrack.models.sot import PrDiMP
from mmtrack.models.track_heads import IouNetHead
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.option_rules import CONFIG, checked, optional

from ..shape_checks import (
    MapShape,
    backbone_shapes,
    build_with,
    neck_shapes,
    require,
    require_levels,
)
from .mmtrack_iou_head import check_iou_net_slot


@MODELS.register_module()
class RepairedPrDiMP(PrDiMP):
    """``PrDiMP`` of mmtrack 1.0.0rc1 that builds its neck and refuses parts that do not fit.

    Upstream accepts ``neck`` and drops it without a word. Here the heads see the neck's maps. The
    other defects in code are the classifier's: :class:`RepairedPrDiMPClsHead`.

    A neck that returns one map, such as :class:`BalancedNeck`, gives the classifier its map;
    IoU-Net then still sees the backbone's first level beside it. Of one with several, the first
    two are taken, which must be those of stride 8 and 16.

    Args:
        backbone: Config of the backbone. Without a neck its maps must be two, of stride 8 and 16.
        neck: Config of the neck; ``in_channels`` may be left out.
        **kwargs: As in ``PrDiMP``.

    Raises:
        ValueError: When a part does not fit what it gets; names the component and its key.
    """

    @checked(backbone=CONFIG, neck=optional(CONFIG))
    def __init__(self, backbone: dict, neck: dict | None = None, **kwargs: Any) -> None:
        super().__init__(backbone, **kwargs)
        levels = backbone_shapes(self.backbone)
        self.neck = None
        if neck is not None:
            channels = [level.channels for level in levels]
            self.neck = build_with(neck, in_channels=channels)
            levels = self._choose(levels, neck_shapes(self.neck, levels))
            # Upstream calls the backbone in three methods, and what it returns is what the heads
            # get. A hook changes that in all three and leaves the names in checkpoints alone.
            self.backbone.register_forward_hook(self._apply_neck)
        self._check(levels)

    def _apply_neck(self, backbone: nn.Module, images: Any, maps: Sequence[Tensor]) -> Sequence:
        return self._choose(maps, self.neck(maps))

    def loss(self, batch_inputs: dict, batch_data_samples: list, **kwargs: Any) -> dict:
        """Training losses, also on stored features.

        Args:
            batch_inputs: Images, as upstream takes them; or, of :class:`StoredFeatureDataset`,
                ``template`` and ``search``: for each level of a frozen backbone, maps of every
                sequence (frames, C, H, W).
            batch_data_samples: As upstream takes them.
            **kwargs: Handed on to the heads.
        """
        if 'template' not in batch_inputs:
            return super().loss(batch_inputs, batch_data_samples, **kwargs)
        template, search = (
            self._heads_maps([_frame_major(level) for level in batch_inputs[name]])
            for name in ('template', 'search')
        )
        return {
            **self.classifier.loss(template, search, batch_data_samples, **kwargs),
            **self.bbox_regressor.loss(template, search, batch_data_samples, **kwargs),
        }

    def _heads_maps(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(levels[:2]) if self.neck is None else self._choose(levels, self.neck(levels))

    @staticmethod
    def _choose(levels: Sequence, maps: Sequence) -> tuple:
        """The two maps for the heads, of the backbone's levels and the neck's maps."""
        return (levels[0], maps[0]) if len(maps) == 1 else tuple(maps[:2])

    def _check(self, levels: Sequence[MapShape]) -> None:
        require_levels(type(self.backbone).__name__, 'backbone.out_indices', levels, 2)
        if len(levels) > 2:
            raise ValueError(
                f'{type(self.backbone).__name__}: backbone.out_indices gives {len(levels)} maps '
                f'of strides {tuple(level.stride for level in levels)}; without a neck, PrDiMP '
                'takes the two of stride 8 and 16'
            )
        stride = self.test_cfg['feature_stride']
        require('PrDiMP', 'test_cfg.feature_stride', stride, levels[-1].stride, "its map's stride")
        for part in (self.classifier, self.bbox_regressor):
            if isinstance(part, IouNetHead):
                check_iou_net_slot(part, levels)
            elif hasattr(part, 'check_slot'):
                part.check_slot(levels)


def _frame_major(maps: Sequence[Tensor]) -> Tensor:
    """B maps (frames, C, H, W) as (frames * B, C, H, W): PrDiMP counts sequences fastest."""
    return torch.stack(tuple(maps), dim=1).flatten(0, 1)
