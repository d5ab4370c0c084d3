# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Centre-bias refinement between the classifier and the IoU-Net of mmtrack's PrDiMP."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.structures import TargetModel
from tlpg_mmtrack.utils.option_rules import InitCfg, Natural, checked

from ..heads.center_bias_refiner import CenterBiasRefiner
from ..numerics import rankable
from ..shape_checks import MapShape
from .dcc_cls_head import sequences_first
from .mmtrack_iou_head import check_iou_net_slot


@MODELS.register_module()
class CenterBiasBoxHead(BaseModule):
    """Stage 2 of TLPG before IoU-Net, in the slot ``PrDiMP(bbox_head=...)``.

    PrDiMP's classifier names a place, not proposals: the box of the last size, at that place and
    one cell around it, stands for them, and IoU-Net starts from stage 2's best. The slot hands
    over one crop of the first frame and no later box: stage 2's target model is learned from that
    crop and stays. The state of one target is kept in the head, as in mmtrack's own.

    Args:
        refiner: Config of the :class:`CenterBiasRefiner`. PrDiMP has no map of stride 32: an
            enhancer needs ``low_source='conv'``.
        iou_head: Config of mmtrack's ``IouNetHead``.
        first_iters: Iterations at the first frame.
        test_cfg: PrDiMP's; it hands it to its heads.
    """

    @checked
    def __init__(
        self,
        refiner: dict,
        iou_head: dict,
        first_iters: Natural = 10,
        test_cfg: dict | None = None,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(init_cfg)
        self.refiner: CenterBiasRefiner = MODELS.build(refiner)
        self.iou_head = MODELS.build({**iou_head, 'test_cfg': test_cfg})
        self.first_iters = first_iters
        self._model: TargetModel | None = None

    def _features(self, backbone_feats: Sequence[Tensor]) -> Tensor:
        """(N, C, H, W) filter features of stage 2."""
        enhanced = self.refiner.enhance(backbone_feats[-1], backbone_feats)
        return self.refiner.head.features(enhanced)

    def init_iou_net(self, iou_backbone_feats: Sequence[Tensor], bboxes: Tensor) -> None:
        """Learn a target from a crop's maps, of stride 8 and 16, and its box, (cx, cy, w, h)."""
        self.iou_head.init_iou_net(iou_backbone_feats, bboxes)
        head = self.refiner.head
        features = self._features(iou_backbone_feats).unsqueeze(0)
        boxes = bbox_cxcywh_to_xyxy(bboxes.view(1, 1, 4))
        model = head.initialise(features, boxes)
        self._model = head.learn(model, head.samples(features, boxes), self.first_iters).model

    def predict(
        self,
        backbone_feats: Sequence[Tensor],
        data_samples: list,
        init_bbox: Tensor,
        *place: Tensor,
    ) -> Tensor | None:
        """Refine a box, (cx, cy, w, h) in crop pixels, by stage 2, then as ``IouNetHead`` does."""
        box = self._refine(backbone_feats, init_bbox.view(4))
        return self.iou_head.predict(backbone_feats, data_samples, box, *place)

    def _refine(self, backbone_feats: Sequence[Tensor], box: Tensor) -> Tensor:
        """(4,), (cx, cy, w, h), stage 2's best proposal; its size changes by half at most."""
        head = self.refiner.head
        prediction = head.predict(self._model, self._features(backbone_feats).unsqueeze(0))
        steps = head.grid.stride * torch.tensor([-1.0, 0.0, 1.0], device=box.device)
        places = box[:2] + torch.cartesian_prod(steps, steps)
        boxes = bbox_cxcywh_to_xyxy(torch.cat((places, box[2:].expand_as(places)), dim=1))
        found, scores = self.refiner.refine(prediction, boxes, scores=boxes.new_ones(len(boxes)))
        best = bbox_xyxy_to_cxcywh(found[rankable(scores).argmax()])
        return torch.cat((best[:2], best[2:].clamp(0.5 * box[2:], 1.5 * box[2:])))

    def loss(
        self,
        template_feats: Sequence[Tensor],
        search_feats: Sequence[Tensor],
        batch_data_samples: list,
        **kwargs: object,
    ) -> dict[str, Tensor]:
        """Losses of stage 2 and of IoU-Net; arguments as of :func:`sequences_first`."""
        template, search = (
            self.refiner.enhance(feats[-1], feats) for feats in (template_feats, search_feats)
        )
        return {
            **self.refiner.loss(*sequences_first(template, search, batch_data_samples)),
            **self.iou_head.loss(template_feats, search_feats, batch_data_samples),
        }

    def check_slot(self, levels: Sequence[MapShape]) -> None:
        """Raise an InputError unless both parts fit the two maps that they will get."""
        check_iou_net_slot(self.iou_head, levels)
        self.refiner.check_slot(levels[-1], levels)
