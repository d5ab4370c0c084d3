# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's IoU-Net where TLPG expects its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmengine.model import BaseModule
from mmtrack.models.track_heads import IouNetHead
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, checked

from ..shape_checks import MapShape, build_with, require


@MODELS.register_module()
class MMTrackIoUHead(BaseModule):
    """``IouNetHead`` of mmtrack with the calls of :class:`IoUNetHead`.

    All boxes are (x1, y1, x2, y2) in pixels of the crop. Its batch norm needs two sequences or
    more in a training step.

    Args:
        head: Config of mmtrack's head; ``in_dim`` may be left out. A ``box_refine_step_length`` of
            ``bbox_cfg`` is the step of :meth:`search`.
        in_channels: Channels of the two maps, of stride 8 and 16.
    """

    knows_last_size = False  #: Its search takes none, so there can be no ``size_penalty``.

    @checked
    def __init__(
        self, head: dict, in_channels: tuple[Count, Count], init_cfg: InitCfg = None
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = tuple(in_channels)
        self.head = build_with(head, in_dim=self.in_channels)
        self.strides = _strides(self.head)
        check_iou_net_slot(self.head, tuple(map(MapShape, self.in_channels, self.strides)))

    def modulation(self, feats: Sequence[Tensor], boxes: Tensor) -> tuple[Tensor, ...]:
        """Describe the targets of template crops; see :meth:`IoUNetHead.modulation`."""
        return self.head.get_modulation(feats, boxes)

    def features(self, feats: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Prepare the maps of search crops; see :meth:`IoUNetHead.features`."""
        return self.head(feats)

    def predict_iou(
        self, modulation: Sequence[Tensor], features: Sequence[Tensor], boxes: Tensor
    ) -> Tensor:
        """Predict the IoU of (B, R, 4) boxes with the target, (B, R)."""
        boxes = torch.cat((boxes[..., :2], boxes[..., 2:] - boxes[..., :2]), dim=-1)
        return self.head.predict_iou(modulation, features, boxes)

    def search(
        self,
        modulation: Sequence[Tensor],
        features: Sequence[Tensor],
        boxes: Tensor,
        last_size: Tensor | None = None,
        size_penalty: float = 0.0,
        fine: bool = True,
    ) -> Tensor:
        """Improve one box, (1, 4), by mmtrack's gradient ascent, which knows no last size."""
        # Tracking runs in inference mode, whose tensors have no gradients; their copies may.
        with torch.inference_mode(False):
            self.head.iou_modulation = [vector.clone() for vector in modulation]
            features = [feat.clone() for feat in features]
            found, _ = self.head.optimize_bboxes(features, bbox_xyxy_to_cxcywh(boxes.clone()))
        return torch.cat((found[:, :2], found[:, :2] + found[:, 2:]), dim=1)

    def loss(
        self,
        template_feats: Sequence[Tensor],
        template_boxes: Tensor,
        search_feats: Sequence[Tensor],
        search_boxes: Tensor,
    ) -> dict[str, Tensor]:
        """mmtrack's loss, ``loss_bbox``; arguments as of :meth:`IoUNetHead.loss`."""
        repeats = len(search_boxes) // len(template_boxes)
        # So batch norm of the pooled vectors sees one row a sequence, as it does in mmtrack.
        modulation = [
            vector.repeat_interleave(repeats, dim=0)
            for vector in self.modulation(template_feats, template_boxes)
        ]
        # One search box a sequence as far as mmtrack's head can tell: it only stacks them.
        return self.head.loss_by_feat(
            modulation, self.features(search_feats), None, list(search_boxes.unsqueeze(1))
        )


def check_iou_net_slot(head: IouNetHead, levels: Sequence[MapShape]) -> None:
    """Raise an InputError unless mmtrack's head fits the two maps that it will get."""
    channels = (head.conv3_temp.conv.in_channels, head.conv4_temp.conv.in_channels)
    got = tuple(level.channels for level in levels)
    require('IouNetHead', 'in_dim', channels, got, 'the number of channels of its maps')
    got = tuple(level.stride for level in levels)
    if _strides(head) != got:
        raise InputError(
            f'IouNetHead: in_dim is for maps of strides {_strides(head)}, got {got}; choose other '
            'levels of the backbone'
        )


def _strides(head: IouNetHead) -> tuple[int, ...]:
    return tuple(round(1 / pool.spatial_scale) for pool in (head.roi3_temp, head.roi4_temp))
