# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's PrDiMP classifier, learning from every sure frame and reading its map rightly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmtrack.models.track_heads import PrDiMPClsHead
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.utils.option_rules import FLAG, checked

from ..shape_checks import MapShape, require
from ..trackers.memory import Schedule


@MODELS.register_module()
class RepairedPrDiMPClsHead(PrDiMPClsHead):
    """``PrDiMPClsHead`` of mmtrack 1.0.0rc1 without three of its defects.

    - A frame that was found surely enters the memory. Upstream's ``update_classifier`` stores hard
      negatives only, so that without a distractor the filter never sees anything but frame 1.
    - An update that falls on a frame that is not learned from is made up for soon after. Upstream
      drops it.
    - The middle of the score map is cell ``(size - 1) / 2``. Upstream's ``predict_by_feat`` takes
      ``size / 2``, which puts every box half a cell too far to the left and above: 8 pixels of the
      crop at stride 16.

    Args:
        softmax: Whether the scores are logits of a density, as PrDiMP's optimiser learns them.
            False for one that learns scores in 0..1, such as :class:`SDOptimizer`: the peak of
            their softmax is below any threshold.
        **kwargs: As in ``PrDiMPClsHead``.
    """

    @checked(softmax=FLAG)
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
        """Store the last frame, and learn from the memory when that is due.

        Args:
            target_bbox: (4,), (cx, cy, w, h) in crop pixels.
            frame_num: Number of the frame, 1 for the first.
            hard_neg_flag: Whether there is a distractor; upstream stores the frame then.
        """
        if not hard_neg_flag:
            self.update_memory(target_bbox, self.update_cfg['normal_lr'])
        if self._schedule.is_due(frame_num - 1, self.update_cfg['train_skipping']):
            # To upstream, one of the frames that an update falls on.
            frame_num = 1
        super().update_classifier(target_bbox, frame_num, hard_neg_flag)

    def predict(
        self,
        backbone_feats: Sequence[Tensor],
        data_samples: list,
        prev_bbox: Tensor,
        sample_center: Tensor,
        scale_factor: Tensor,
    ) -> tuple[Tensor, Tensor, str]:
        """Find the target in a crop.

        Args:
            backbone_feats: Maps of the crop, the classifier's last.
            data_samples: Not needed.
            prev_bbox: (4,) last box, (cx, cy, w, h) in frame pixels.
            sample_center: (2,) the crop's centre, (x, y) in frame pixels.
            scale_factor: Frame pixels per crop pixel.

        Returns:
            The target's centre (x, y) in frame pixels, the score map (1, 1, H, W) and the state.
        """
        if self.softmax:
            return super().predict(
                backbone_feats, data_samples, prev_bbox, sample_center, scale_factor
            )
        scores, self.memo.sample_feat = self(backbone_feats[-1])
        center, state = self.predict_by_feat(scores, prev_bbox, sample_center, scale_factor)
        return center, scores, state

    def predict_by_feat(
        self, scores: Tensor, prev_bbox: Tensor, sample_center: Tensor, scale_factor: Tensor
    ) -> tuple[Tensor, str]:
        """Find the target on a score map.

        Args:
            scores: (1, 1, H, W) or (H, W).
            prev_bbox: (4,) last box, (cx, cy, w, h) in frame pixels.
            sample_center: (2,) the crop's centre, (x, y) in frame pixels.
            scale_factor: Frame pixels per crop pixel.

        Returns:
            The target's centre (x, y) in frame pixels and the state.
        """
        # Upstream counts cells from half a cell beyond the map's middle. So it is told where in
        # the frame that place is: its distances to the last box come out right as well.
        size = torch.tensor([scores.shape[-1], scores.shape[-2]]).to(sample_center)
        cells = size - (self.filter_size.to(sample_center) + 1) % 2
        cell = self.test_cfg['img_sample_size'] / cells * scale_factor
        return super().predict_by_feat(
            scores, prev_bbox, sample_center.squeeze() + cell / 2, scale_factor
        )

    def check_slot(self, levels: Sequence[MapShape]) -> None:
        """Raise unless the head fits the maps that it will get.

        Args:
            levels: The maps that the model hands its heads; the classifier sees the last.

        Raises:
            ValueError: Naming the component, the key and what was found.
        """
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
