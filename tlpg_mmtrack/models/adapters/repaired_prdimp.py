# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's PrDiMP with its defects repaired and its parts checked against one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmtrack.models.sot import PrDiMP
from mmtrack.models.track_heads import IouNetHead, PrDiMPClsHead
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import checked

from ..shape_checks import (
    MapShape,
    backbone_shapes,
    build_with,
    neck_shapes,
    require,
    require_levels,
)
from ..trackers.memory import Schedule
from .mmtrack_iou_head import check_iou_net_slot


@MODELS.register_module()
class RepairedPrDiMP(PrDiMP):
    """``PrDiMP`` of mmtrack 1.0.0rc1 that builds its neck and refuses parts that do not fit.

    Upstream accepts ``neck`` and drops it without a word. The other defects are the classifier's:
    :class:`RepairedPrDiMPClsHead`.

    Args:
        backbone: Config of the backbone. Without a neck its maps must be two, of stride 8 and 16.
        neck: Config of the neck; ``in_channels`` may be left out. Its one map is the classifier's,
            beside the backbone's first level; of several the first two, of stride 8 and 16, serve.
        **kwargs: As in ``PrDiMP``.
    """

    @checked
    def __init__(self, backbone: dict, neck: dict | None = None, **kwargs: Any) -> None:
        super().__init__(backbone, **kwargs)
        levels = backbone_shapes(self.backbone)
        self.neck = None
        if neck is not None:
            self.neck = build_with(neck, in_channels=[level.channels for level in levels])
            levels = _heads_maps(levels, neck_shapes(self.neck, levels))
            # Upstream calls the backbone in three methods and hands its maps to the heads. A hook
            # changes them in all three and leaves the names in checkpoints alone.
            self.backbone.register_forward_hook(self._apply_neck)
        self._check(levels)

    def _apply_neck(self, backbone: nn.Module, images: Any, maps: Sequence[Tensor]) -> Sequence:
        return _heads_maps(maps, self.neck(maps))

    def loss(self, batch_inputs: dict, batch_data_samples: list, **kwargs: Any) -> dict:
        """Training losses, as upstream; also on stored features.

        Then ``batch_inputs`` are those of :class:`StoredFeatureDataset`, ``template`` and
        ``search``: for each level of a frozen backbone, every sequence's maps (frames, C, H, W).
        """
        if 'template' not in batch_inputs:
            return super().loss(batch_inputs, batch_data_samples, **kwargs)
        template, search = (
            [_frame_major(level) for level in batch_inputs[name]]
            for name in ('template', 'search')
        )
        if self.neck is not None:
            template, search = (_heads_maps(maps, self.neck(maps)) for maps in (template, search))
        return {
            **self.classifier.loss(template, search, batch_data_samples, **kwargs),
            **self.bbox_regressor.loss(template, search, batch_data_samples, **kwargs),
        }

    def _check(self, levels: Sequence[MapShape]) -> None:
        require_levels(type(self.backbone).__name__, 'backbone.out_indices', levels, 2)
        if len(levels) > 2:
            raise InputError(
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


def _heads_maps(levels: Sequence, maps: Sequence) -> tuple:
    """The two maps for the heads, of the backbone's levels and the neck's maps."""
    return (levels[0], maps[0]) if len(maps) == 1 else tuple(maps[:2])


def _frame_major(maps: Sequence[Tensor]) -> Tensor:
    """B maps (frames, C, H, W) as (frames * B, C, H, W): PrDiMP counts sequences fastest."""
    return torch.stack(tuple(maps), dim=1).flatten(0, 1)


@MODELS.register_module()
class RepairedPrDiMPClsHead(PrDiMPClsHead):
    """``PrDiMPClsHead`` of mmtrack 1.0.0rc1 without three of its defects.

    - A frame that was found surely enters the memory. Upstream's ``update_classifier`` stores hard
      negatives only, so that without a distractor the filter never sees anything but frame 1.
    - An update that falls on a frame that is not learned from is made up for soon after. Upstream
      drops it.
    - The middle of the score map is cell ``(size - 1) / 2``. Upstream takes ``size / 2``, which
      puts every box half a cell too far to the left and above.

    Args:
        softmax: Whether the scores are logits of a density, as PrDiMP's optimiser learns them, and
            not scores in 0..1, such as :class:`SDOptimizer`'s.
        **kwargs: As in ``PrDiMPClsHead``.
    """

    @checked
    def __init__(self, softmax: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.softmax = softmax
        self._schedule = Schedule()

    def init_classifier(self, *args: Any, **kwargs: Any) -> None:
        """Learn a target from crops of the first frame, as upstream does."""
        super().init_classifier(*args, **kwargs)
        self._schedule = Schedule()

    def update_classifier(
        self, target_bbox: Tensor, frame_num: int, hard_neg_flag: bool = False
    ) -> None:
        """Store the last frame, and learn from the memory when that is due."""
        # Upstream stores the frames with a distractor.
        if not hard_neg_flag:
            self.update_memory(target_bbox, self.update_cfg['normal_lr'])
        if self._schedule.is_due(frame_num - 1, self.update_cfg['train_skipping']):
            # To upstream, one of the frames that an update falls on.
            frame_num = 1
        super().update_classifier(target_bbox, frame_num, hard_neg_flag)

    def predict(
        self, backbone_feats: Sequence[Tensor], data_samples: list, *place: Tensor
    ) -> tuple[Tensor, Tensor, str]:
        """Find the target in a crop, as upstream; see also :meth:`DCCClsHead.predict`."""
        if self.softmax:
            return super().predict(backbone_feats, data_samples, *place)
        scores, self.memo.sample_feat = self(backbone_feats[-1])
        center, state = self.predict_by_feat(scores, *place)
        return center, scores, state

    def predict_by_feat(
        self, scores: Tensor, prev_bbox: Tensor, sample_center: Tensor, scale_factor: Tensor
    ) -> tuple[Tensor, str]:
        """Find the target on a score map (1, 1, H, W) or (H, W), as upstream."""
        # Upstream counts cells from half a cell beyond the map's middle. So it is told where in
        # the frame that place is: its distances to the last box come out right as well.
        size = torch.tensor([scores.shape[-1], scores.shape[-2]]).to(sample_center)
        cells = size - (self.filter_size.to(sample_center) + 1) % 2
        cell = self.test_cfg['img_sample_size'] / cells * scale_factor
        return super().predict_by_feat(
            scores, prev_bbox, sample_center.squeeze() + cell / 2, scale_factor
        )

    def check_slot(self, levels: Sequence[MapShape]) -> None:
        """Raise an InputError unless the head fits the last of the maps that it will get."""
        name, source = type(self).__name__, 'the map it gets'
        x = levels[-1]
        in_dim = self.channel_mapping[0].in_channels
        require(name, 'in_dim', in_dim, x.channels, f'the number of channels of {source}')
        stride = round(1 / self.filter_initializer.filter_pool.spatial_scale)
        for key, value in (
            ('filter_initializer.feature_stride', stride),
            ('filter_optimizer.feat_stride', self.filter_optimizer.feat_stride),
        ):
            require(name, key, value, x.stride, f'the stride of {source}')
        offset = getattr(self.filter_optimizer, 'cell_offset', x.stride / 2)
        require(name, 'filter_optimizer.cell_offset', offset, x.stride / 2, 'half a cell')
