# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Deformable central correlation as the classifier of mmtrack's PrDiMP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.structures import Prediction
from tlpg_mmtrack.utils.option_rules import InitCfg, Rule, checked, keys

from ..heads.dcc_head import DCCHead
from ..shape_checks import MapShape, check_maps
from ..trackers.localization import localize
from ..trackers.memory import Schedule
from ..trackers.online_learning import OnlineLearning
from ..trackers.options import TrackingOptions
from ..trackers.target_state import Stage

#: Fields of :class:`TrackingOptions` that the slot leaves to the head.
USED = keys(
    (
        *('first_iters', 'update_interval', 'update_iters', 'hard_negative_iters'),
        *('memory_size', 'memory_rate', 'hard_negative_rate', 'first_share'),
        *('not_found_threshold', 'distractor_threshold', 'hard_negative_threshold'),
        *('neighbourhood', 'displacement', 'merge_iou'),
    ),
    Rule('as in TrackingOptions', lambda value: True),
)


def sequences_first(
    template: Tensor, search: Tensor, data_samples: list
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A training batch of mmtrack's, frames first, as the arguments of our heads' losses.

    Of maps (n * B, C, H, W) of the template crops, and likewise of the search crops: maps
    (B, n, C, H, W) and boxes (B, n, 4), (x1, y1, x2, y2) in crop pixels, of either.
    """
    template, search = (
        maps.unflatten(0, (-1, len(data_samples))).transpose(0, 1) for maps in (template, search)
    )
    template_boxes = torch.stack([sample.gt_instances.bboxes for sample in data_samples])
    search_boxes = torch.stack([sample.search_gt_instances.bboxes for sample in data_samples])
    return template, template_boxes, search, search_boxes


@MODELS.register_module()
class DCCClsHead(BaseModule):
    """:class:`DCCHead` in the slot ``PrDiMP(cls_head=...)``.

    The slot asks for the target's centre only: the mean of those of the proposals at the peak.
    The state of one target is kept in the head, as in mmtrack's own.

    Args:
        head: Config of the :class:`DCCHead`.
        options: Fields of :class:`TrackingOptions`, those that ``USED`` names.
        test_cfg: PrDiMP's; it hands it to its heads.
    """

    @checked
    def __init__(
        self,
        head: dict,
        options: Annotated[dict, USED] | None = None,
        test_cfg: dict | None = None,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(init_cfg)
        self.head: DCCHead = MODELS.build(head)
        self.options = TrackingOptions.from_config('DCCClsHead: options', options)
        self.test_cfg = test_cfg
        self.learning = OnlineLearning([self.head], self.options)
        self.stage: Stage | None = None
        self._seen: tuple[Tensor, Prediction] | None = None
        self._schedule = Schedule()

    def init_classifier(
        self,
        backbone_feats: Tensor,
        target_bboxes: Tensor,
        dropout_probs: Sequence[float] | None = None,
    ) -> None:
        """Learn a target from (n, C, H, W) maps of crops of the first frame, the plain one first.

        Boxes are (n + d, 4), (cx, cy, w, h) in crop pixels; the last d are those of copies of the
        first map, of whose channels ``dropout_probs`` are dropped.
        """
        features = self.head.features(backbone_feats)
        dropped = [F.dropout2d(features[:1], rate) for rate in dropout_probs or ()]
        features = torch.cat((features, *dropped)).unsqueeze(0)
        boxes = bbox_cxcywh_to_xyxy(target_bboxes).unsqueeze(0)
        self.stage = self.learning.start(self.head, features, boxes)
        self._schedule = Schedule()

    def predict(
        self,
        backbone_feats: Sequence[Tensor],
        data_samples: list,
        prev_bbox: Tensor,
        sample_center: Tensor,
        scale_factor: Tensor,
    ) -> tuple[Tensor, Tensor, str]:
        """Find the target on the last map, (1, C, H, W), of a crop around its last place.

        ``prev_bbox`` is (4,), (cx, cy, w, h), and ``sample_center`` (2,), the crop's (x, y), in
        frame pixels; ``scale_factor`` is frame pixels per crop pixel. Gives the centre (x, y) in
        frame pixels, the score map (1, 1, H, W) and the state's name.
        """
        features = self.head.features(backbone_feats[-1]).unsqueeze(0)
        prediction = self.head.predict(self.stage.model, features)
        self._seen = features, prediction
        grid, crop_size = self.head.grid, self.test_cfg['img_sample_size']
        size = (prev_bbox[2:] / scale_factor / grid.stride).flip(0).tolist()
        scores = prediction.scores[0, 0]
        place = localize(scores.cpu().numpy(), size, grid.middle(crop_size), self.options)
        center = self._center(prediction, place.cell[0] * scores.shape[1] + place.cell[1])
        center = (center - crop_size / 2) * scale_factor
        return sample_center.squeeze() + center, prediction.scores, place.state.value

    def _center(self, prediction: Prediction, peak: int) -> Tensor:
        """(2,) mean by score of the centres of the proposals that overlap the peak's."""
        boxes = self.head.proposal_boxes(prediction.distances[0])[0]
        near = bbox_overlaps(boxes[peak : peak + 1], boxes)[0] > self.options.merge_iou
        # Also where the peak's own proposal is degenerate and overlaps nothing.
        near[peak] = True
        weights = prediction.scores.flatten().clamp(min=1e-6) * near
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        return (centers * weights.unsqueeze(1)).sum(0) / weights.sum()

    def update_classifier(
        self, target_bbox: Tensor, frame_num: int, hard_neg_flag: bool = False
    ) -> None:
        """Store the last frame; learn the filter when that is due, or from a distractor.

        ``target_bbox`` is (4,), (cx, cy, w, h) in crop pixels; the first ``frame_num`` is 1.
        """
        options = self.options
        box = bbox_cxcywh_to_xyxy(target_bbox).view(1, 1, 4)
        self.learning.store(self.head, self.stage, *self._seen, box, hard_neg_flag)
        due = self._schedule.is_due(frame_num - 1, options.update_interval)
        if due or hard_neg_flag:
            iterations = options.update_iters if due else options.hard_negative_iters
            self.learning.learn(self.head, self.stage, iterations)

    def loss(
        self,
        template_feats: Sequence[Tensor],
        search_feats: Sequence[Tensor],
        batch_data_samples: list,
        **kwargs: object,
    ) -> dict[str, Tensor]:
        """:meth:`DCCHead.loss` of the last maps; arguments as of :func:`sequences_first`."""
        batch = sequences_first(template_feats[-1], search_feats[-1], batch_data_samples)
        return self.head.loss(*batch)

    def check_slot(self, levels: Sequence[MapShape]) -> None:
        """Raise an InputError unless the head fits the last of the maps that it will get."""
        check_maps(self.head, levels[-1])
