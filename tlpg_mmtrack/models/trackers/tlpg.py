# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG-Tracker: joint learning of target localization and proposal generation."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.structures import InstanceData
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.structures import Prediction, TargetModel, TrackingResult, TrackingState
from tlpg_mmtrack.utils.option_rules import CONFIG, FLAG, NUMBER, POSITIVE, checked, each, optional

from ...ops.crop import contrast, crop_patch
from ..heads.dcc_head import DCCHead
from ..ranking import rankable
from ..shape_checks import (
    MapShape,
    backbone_shapes,
    build_with,
    check_map,
    check_maps,
    complete,
    empty_maps,
    neck_shapes,
    require_levels,
)
from ..torchscript import Tensors, tensors_of
from .augmentation import first_frame_crops
from .localization import localize
from .memory import SampleMemory, is_due
from .options import TrackingOptions
from .postprocess import mean_by_iou
from .state import Features, Observation, Stage, TargetState
from .traced_parts import TracedParts

logger = logging.getLogger(__name__)

LEAST_CONTRAST = 0.25
"""A crop of less contrast is blank: what the filter scores there says nothing (docs/decisions.md,
"A blank crop is not searched")."""
LEAST_TRUST = 0.1
"""A box that is not trusted still counts this much, or its size could not recover."""


@MODELS.register_module()
class TLPG(BaseSingleObjectTracker):
    """Two-stage tracker with target models learned online (sections 3 to 3.5).

    Every part's ``in_channels`` may be left out: it is then found from the backbone.

    Args:
        backbone: Config of a backbone with maps of stride 8, 16 and 32.
        head: Config of stage 1's :class:`DCCHead`.
        neck: Config of the neck; without it x is the backbone's C4. One without ``laterals``,
            such as mmdet's FPN, must return maps of stride 8, 16 and 32.
        refiner: Config of the :class:`CenterBiasRefiner`, or for comparison of the
            :class:`BoxRegressionRefiner`; without it there is one stage.
        iou_head: Config of the :class:`IoUNetHead`, or of :class:`MMTrackIoUHead`.
        box_head: Config of the :class:`BoxRegressionHead`.
        mean: Mean of the input pixels, in the channel order that the backbone expects.
        std: Standard deviation of the input pixels.
        bgr_to_rgb: Whether the backbone expects RGB.
        test_cfg: Fields of :class:`TrackingOptions`.
        frozen_modules: Names of parts, such as ``'neck'``, that training leaves as they are; a
            frozen head has no loss.
        data_preprocessor: Config of mmtrack's data preprocessor; it must not normalise, since a
            crop is cheaper to normalise than a frame.
        init_cfg: Initialisation config of mmengine.

    Raises:
        ValueError: When ``postprocess`` needs an ``iou_head`` or a ``box_head`` and there is none,
            when ``frozen_modules`` names a part that is not there, or when a part does not fit the
            maps that it will get; names the part and its key.
    """

    @checked(
        backbone=CONFIG,
        head=CONFIG,
        neck=optional(CONFIG),
        refiner=optional(CONFIG),
        iou_head=optional(CONFIG),
        box_head=optional(CONFIG),
        mean=each(NUMBER, 3),
        std=each(POSITIVE, 3),
        bgr_to_rgb=FLAG,
        test_cfg=optional(CONFIG),
    )
    def __init__(
        self,
        backbone: dict,
        head: dict,
        neck: dict | None = None,
        refiner: dict | None = None,
        iou_head: dict | None = None,
        box_head: dict | None = None,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        bgr_to_rgb: bool = True,
        test_cfg: dict | None = None,
        frozen_modules: Sequence[str] = (),
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        levels = backbone_shapes(self.backbone)
        self._build_neck_and_stages(levels, neck, head, refiner)
        self.iou_head = self._build_box_judge(levels, iou_head)
        self.box_head = self._build_box_judge(levels, box_head)
        self.options = TrackingOptions(**(test_cfg or {}))
        # mmtrack's base class reads the protocol from here.
        self.test_cfg = dict(test_mode=self.options.test_mode)
        self._check_postprocess()
        self.frozen_modules = self._checked_parts(frozen_modules)
        self.freeze_module(self.frozen_modules)
        self.bgr_to_rgb = bgr_to_rgb
        self._traced: TracedParts | None = None
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)

    # ---------------------------------------------------------------- building

    def _build_neck_and_stages(
        self,
        levels: tuple[MapShape, ...],
        neck: dict | None,
        head: dict,
        refiner: dict | None,
    ) -> None:
        """Build what turns the backbone's maps into proposals; refuse what does not fit."""
        channels = [level.channels for level in levels]
        self.neck = None if neck is None else build_with(neck, in_channels=channels)
        high, x, low = self._source_shapes(levels)
        self.head = build_with(head, in_channels=x.channels)
        check_map(self.head, x)
        self.refiner = None
        if refiner is None:
            return
        enhancer = refiner.get('enhancer')
        width = x.channels
        if enhancer is not None:
            in_channels = (high.channels, x.channels, low.channels)
            enhancer = complete(enhancer, in_channels=in_channels)
            width = enhancer.get('out_channels') or width
        if 'head' in refiner:
            refiner = {**refiner, 'head': complete(refiner['head'], in_channels=width)}
        else:
            refiner = complete(refiner, in_channels=width)
        self.refiner = MODELS.build({**refiner, 'enhancer': enhancer})
        sources = empty_maps((high, x, low))
        with torch.no_grad():
            enhanced = self.refiner.enhance(sources[1], (sources[0], sources[2]))
        second = self.refiner if self.refiner.head is None else self.refiner.head
        check_map(second, x._replace(channels=enhanced.shape[1]))

    def _source_shapes(self, levels: tuple[MapShape, ...]) -> tuple[MapShape, ...]:
        """Shapes of C3', x and C5', as :meth:`_combine` picks them."""
        if self.neck is None:
            require_levels(type(self.backbone).__name__, "the backbone's levels", levels, 2)
            return levels[0], levels[1], levels[-1]
        maps = neck_shapes(self.neck, levels)
        if hasattr(self.neck, 'laterals'):
            sides = [levels[index]._replace(channels=maps[0].channels) for index in (0, -1)]
            return sides[0], maps[0], sides[1]
        require_levels(type(self.neck).__name__, "the neck's number of outputs", maps, 3)
        return maps[:3]

    def _build_box_judge(
        self, levels: tuple[MapShape, ...], config: dict | None
    ) -> nn.Module | None:
        """Build a head that reads the backbone's first two maps; refuse what does not fit."""
        if config is None:
            return None
        require_levels(type(self.backbone).__name__, "the backbone's levels", levels, 2)
        channels = tuple(level.channels for level in levels[:2])
        head = build_with(config, in_channels=channels)
        check_maps(head, levels[:2])
        return head

    def _check_postprocess(self) -> None:
        for name, used in (
            ('iou_head', self.options.uses_iou),
            ('box_head', self.options.uses_regression),
        ):
            if used and getattr(self, name) is None:
                raise ValueError(
                    f'TLPG: test_cfg.postprocess is {self.options.postprocess!r}, which needs the '
                    f'config of a part: {name}=dict(...)'
                )
        if self.options.size_penalty and not getattr(self.iou_head, 'knows_last_size', True):
            raise ValueError(
                f'TLPG: test_cfg.size_penalty must be 0 with an {type(self.iou_head).__name__}, '
                f'which knows no last size, got {self.options.size_penalty}'
            )

    def _checked_parts(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names of parts to freeze, each of which must be there."""
        names = (names,) if isinstance(names, str) else tuple(names)
        parts = [name for name, part in self.named_children() if name != 'data_preprocessor']
        for name in names:
            if name not in parts:
                raise ValueError(
                    f'TLPG: frozen_modules names {name!r}, which this config does not build; its '
                    f'parts are {", ".join(parts)}'
                )
        return names

    def train(self, mode: bool = True) -> TLPG:
        """Set the training mode; frozen parts stay in evaluation, their statistics too."""
        super().train(mode)
        for name in self.frozen_modules:
            getattr(self, name).eval()
        return self

    # ---------------------------------------------------------------- network

    def extract(self, images: Tensor) -> Features:
        """Backbone and neck.

        Args:
            images: (N, 3, S, S) pixel values 0..255, BGR.
        """
        return self._combine(self._levels(images))

    def _levels(self, images: Tensor) -> tuple[Tensor, ...]:
        """The backbone's maps of (N, 3, S, S) pixel values."""
        if self.bgr_to_rgb:
            images = images.flip(1)
        return self.backbone((images.float() - self.mean) / self.std)

    def _combine(self, levels: tuple[Tensor, ...]) -> Features:
        """The neck, on the backbone's maps."""
        if self.neck is None:
            return Features(levels, levels[1], (levels[0], levels[-1]))
        if hasattr(self.neck, 'laterals'):
            laterals = self.neck.laterals(levels)
            return Features(levels, self.neck.fuse(laterals), (laterals[0], laterals[-1]))
        maps = self.neck(levels)
        return Features(levels, maps[1], (maps[0], maps[2]))

    def stage_heads(self) -> list[DCCHead]:
        """Of every stage that has a target model; box regression has none."""
        second = None if self.refiner is None else self.refiner.head
        return [self.head] if second is None else [self.head, second]

    def _stage_inputs(self, features: Features) -> list[Tensor]:
        """(N, C, H, W) filter features of every stage."""
        inputs = [self.head.features(features.x)]
        if self.refiner is not None and self.refiner.head is not None:
            enhanced = self.refiner.enhance(features.x, features.sources)
            inputs.append(self.refiner.head.features(enhanced))
        return inputs

    def observe(self, crop: Tensor, models: Sequence[TargetModel]) -> Observation:
        """Everything of a frame that depends on the crop and the target models alone.

        Args:
            crop: (1, 3, S, S) pixel values 0..255, BGR.
            models: A target model for each stage.
        """
        levels = self._levels(crop)
        targets = tuple(map(tensors_of, models))
        inputs, predictions, iou_features, enhanced = self._trace().after_backbone(levels, targets)
        return Observation(
            list(inputs),
            [Prediction(*prediction) for prediction in predictions],
            iou_features,
            levels=levels[:2] if self.options.uses_regression else (),
            enhanced=enhanced[0] if enhanced else None,
        )

    def after_backbone(
        self, levels: tuple[Tensor, ...], targets: tuple[tuple[Tensor, ...], ...]
    ) -> tuple[Tensors, Tensors, Tensors, Tensors]:
        """All of :meth:`observe` that follows the backbone, with tensors in and out."""
        features = self._combine(levels)
        inputs = [x.unsqueeze(0) for x in self._stage_inputs(features)]
        predictions = [
            tensors_of(head.predict(TargetModel(*target), x))
            for head, target, x in zip(self.stage_heads(), targets, inputs, strict=True)
        ]
        iou_features = self.iou_head.features(levels[:2]) if self.options.uses_iou else ()
        enhanced = ()
        if self.refiner is not None and self.refiner.head is None:
            enhanced = (self.refiner.enhance(features.x, features.sources),)
        return tuple(inputs), tuple(predictions), iou_features, enhanced

    def _trace(self) -> TracedParts:
        """What of a frame is traced; anew when options or a part were replaced."""
        if self._traced is None or not self._traced.is_of(self):
            self._traced = TracedParts(self)
        return self._traced

    # ---------------------------------------------------------------- tracking

    @torch.inference_mode()
    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> TargetState:
        """Learn a target in the first frame.

        Args:
            frame: (H, W, 3) uint8, BGR.
            box: (4,), (x, y, width, height) in frame pixels.
            seed: Seed of the augmentation.

        Returns:
            The target's state, for :meth:`step`. Where the first crop is blank it is logged, and
            the target will never be found.

        Raises:
            ValueError: When the box is not finite, not of positive size, or outside the frame.
        """
        options = self.options
        box = _checked_box(box, frame.shape)
        crops, boxes = first_frame_crops(
            frame,
            box,
            self._search_side(box),
            options.crop_size,
            options.warps,
            np.random.default_rng(seed),
        )
        features = self.extract(self._to_tensor(crops))
        boxes = torch.from_numpy(boxes).to(features.x.device)
        stages = [
            self._start_stage(head, x.unsqueeze(0), boxes.unsqueeze(0))
            for head, x in zip(self.stage_heads(), self._stage_inputs(features), strict=True)
        ]
        target = TargetState(box=box, stages=stages, blank=contrast(crops[0]) < LEAST_CONTRAST)
        if target.blank:
            logger.warning(
                'nothing can be seen around the box %s, so the target will not be found; start '
                'on a frame that shows it',
                box.round(1).tolist(),
            )
        levels = features[:1].levels[:2]
        if options.uses_iou:
            target.modulation = self.iou_head.modulation(levels, boxes[:1])
        if options.uses_regression:
            target.template = self.box_head.template(levels, boxes[:1])
        return target

    def _start_stage(self, head: DCCHead, features: Tensor, boxes: Tensor) -> Stage:
        samples = head.samples(features, boxes)
        model = head.initialise(features[:, :1], boxes[:, :1])
        model = head.learn(model, samples, self.options.first_iters).model
        if not self.options.update_offsets:
            samples = head.filter_samples(features, boxes, head.predict(model, features))
        memory = SampleMemory(
            samples,
            self.options.memory_size,
            self.options.memory_rate,
            self.options.first_share,
        )
        return Stage(model, memory)

    @torch.inference_mode()
    def step(self, frame: np.ndarray, target: TargetState) -> TrackingResult:
        """Find the target in the next frame and learn from it.

        Args:
            frame: (H, W, 3) uint8, BGR; its size may differ from the last frame's.
            target: State from :meth:`start`; updated in place.
        """
        options = self.options
        target.frame += 1
        center, side = self.search_region(target)
        crop = crop_patch(frame, center, side, options.crop_size)
        if target.blank or contrast(crop) < LEAST_CONTRAST:
            return _stay(target, frame.shape, 0.0)
        seen = self.observe(self._to_tensor(crop[None]), [s.model for s in target.stages])
        # Two stages, learned on different features, are wrong in different places.
        scores = sum(p.scores[0, 0] for p in seen.predictions) / len(seen.predictions)
        width, height = target.box[2:] * self._crop_scale(target) / self.head.grid.stride
        middle = self.head.grid.middle(options.crop_size)
        place = localize(scores.cpu().numpy(), (height, width), middle, options)
        if place.state is TrackingState.NOT_FOUND:
            return _stay(target, frame.shape, place.score)
        crop_box, trust = self._propose(target, seen, scores, place.cell)
        if not (crop_box.isfinite().all() and math.isfinite(trust)):
            # Nothing finite could be found from such a box again.
            return _stay(target, frame.shape, place.score)
        self._move(target, crop_box, trust, center, side, frame.shape)
        self._update(target, seen, crop_box, trust, place.state)
        return TrackingResult(target.box.copy(), place.score, place.state)

    def _propose(
        self, target: TargetState, seen: Observation, scores: Tensor, cell: tuple[int, int]
    ) -> tuple[Tensor, float]:
        """(4,) final box in crop pixels, and how far it is trusted, in 0..1."""
        boxes = self._proposals(target, seen.predictions[0])
        peak = cell[0] * scores.shape[1] + cell[1]
        near = bbox_overlaps(boxes[peak : peak + 1], boxes)[0] > self.options.merge_iou
        # Also where the peak's own proposal is degenerate and overlaps nothing.
        near[peak] = True
        boxes, scores = boxes[near], scores.flatten()[near]
        if self.refiner is not None:
            view = seen.predictions[1] if seen.enhanced is None else seen.enhanced
            boxes, scores = self.refiner.refine(view, boxes, scores)
        if self.options.postprocess == 'iou':
            iou = self.iou_head.predict_iou(target.modulation, seen.iou_features, boxes[None])
            return self._rank(boxes, iou[0])
        box = self._merge(boxes, scores)
        if self.options.postprocess == 'nms':
            return box, 1.0
        last_size = box.new_tensor(target.box[2:] * self._crop_scale(target))
        regression = self.options.uses_regression
        template = tensors_of(target.template) if regression else ()
        box, iou = self._trace().postprocess(
            box, last_size, target.modulation, seen.iou_features, template, seen.levels
        )
        return box, self._trust(float(iou))

    def _trust(self, iou: float) -> float:
        """How far a box of this predicted IoU is trusted, in 0..1.

        Where something passes before the target, the box that fits best takes in both.
        """
        if self.options.trusted_iou is None:
            return 1.0
        low, high = self.options.trusted_iou
        return min(max((iou - low) / (high - low), LEAST_TRUST), 1.0)

    def _proposals(self, target: TargetState, prediction: Prediction) -> Tensor:
        """(H*W, 4), stage 1's box at every cell, in crop pixels.

        A head that proposes none leaves the last box's size.
        """
        distances = prediction.distances[0]
        if not self.head.proposes:
            scale = self._crop_scale(target) / self.head.grid.stride
            half = distances.new_tensor(target.box[2:] * scale / 2)
            distances = half.repeat(2).view(1, 4, 1, 1).expand_as(distances)
        return self.head.proposal_boxes(distances)[0]

    def _rank(self, boxes: Tensor, iou: Tensor) -> tuple[Tensor, float]:
        """(4,) the best of (R, 4) boxes by their predicted IoU, and how far it is trusted.

        Those that overlap it count as well, the less the worse they are.
        """
        best = rankable(iou).argmax()
        near = bbox_overlaps(boxes[best][None], boxes)[0] > self.options.merge_iou
        near &= iou.isfinite()
        near[best] = True
        boxes, iou = boxes[near], iou[near]
        return mean_by_iou(boxes, iou), self._trust(float(mean_by_iou(iou[:, None], iou)))

    def _merge(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """(4,) mean by score of the best of (R, 4) boxes and those that overlap it."""
        scores = rankable(scores)
        best = scores.argmax()
        overlaps = bbox_overlaps(boxes[best][None], boxes)[0]
        weights = scores.clamp(min=1e-6) * (overlaps > self.options.merge_iou)
        weights[best] = weights[best].clamp(min=1e-3)
        return (boxes * weights.unsqueeze(1)).sum(0) / weights.sum()

    def _move(
        self,
        target: TargetState,
        crop_box: Tensor,
        trust: float,
        center: np.ndarray,
        side: float,
        shape: tuple[int, ...],
    ) -> None:
        """Map the new box to the frame; it stays finite, of positive size, and on the frame."""
        x1, y1, x2, y2 = crop_box.cpu().double().numpy() * (side / self.options.crop_size)
        middle = (self.options.crop_size - 1) / 2 * (side / self.options.crop_size)
        size = np.clip([x2 - x1, y2 - y1], 0.5 * target.box[2:], 2.0 * target.box[2:])
        size = target.box[2:] + self.options.box_rate * trust * (size - target.box[2:])
        center = center + np.array([x1 + x2, y1 + y2]) / 2 - middle
        target.box = _onto_frame(np.concatenate((center - (size - 1) / 2, size)), shape)

    def _update(
        self,
        target: TargetState,
        seen: Observation,
        crop_box: Tensor,
        trust: float,
        state: TrackingState,
    ) -> None:
        """Store the frame and learn from the memory, when it is due or a distractor shows."""
        if state is TrackingState.UNCERTAIN:
            return
        options = self.options
        hard = state is TrackingState.HARD_NEGATIVE
        due = is_due(target.frame, target.updated, options.update_interval)
        if due:
            target.updated = target.frame
        iterations = options.update_iters if due else options.hard_negative_iters
        for head, stage, features, prediction in zip(
            self.stage_heads(), target.stages, seen.inputs, seen.predictions, strict=True
        ):
            box = crop_box.view(1, 1, 4)
            if options.update_offsets:
                sample = head.samples(features, box)
            else:
                sample = head.filter_samples(features, box, prediction)
            stage.memory.add(sample, options.hard_negative_rate if hard else None, trust)
            if due or hard:
                stage.model = self._learn(head, stage, iterations)

    def _learn(self, head: DCCHead, stage: Stage, iterations: int) -> TargetModel:
        """The target model after an update from the memory."""
        samples = stage.memory.samples
        if self.options.update_offsets:
            return head.learn(stage.model, samples, iterations).model
        course = head.learn_filter(stage.model, samples, iterations)
        return replace(stage.model, filter=course.parameters[0])

    def search_region(self, target: TargetState) -> tuple[np.ndarray, float]:
        """Where the next frame is searched: centre (x, y) and side in frame pixels."""
        center = np.round(target.box[:2] + (target.box[2:] - 1) / 2)
        return center, self._search_side(target.box)

    def _search_side(self, box: np.ndarray) -> float:
        """Side of the search region in frame pixels.

        Like its centre a whole number, so that boxes that differ by rounding errors look at the
        same crop: else the errors of another machine or backend grow from frame to frame.
        """
        return max(1.0, round(self.options.search_scale * float(np.sqrt(box[2] * box[3]))))

    def _crop_scale(self, target: TargetState) -> float:
        """Crop pixels per frame pixel in the next crop."""
        return self.options.crop_size / self._search_side(target.box)

    def _to_tensor(self, crops: np.ndarray) -> Tensor:
        """(n, S, S, 3) to (n, 3, S, S) on the network's device."""
        return torch.from_numpy(crops).to(self.mean.device).permute(0, 3, 1, 2)

    # ---------------------------------------------------------------- mmtrack

    def init(self, img: Tensor) -> None:
        """Start on mmtrack's first frame; the box is ``self.memo.bbox`` (cx, cy, w, h).

        Args:
            img: (1, 3, H, W) pixel values, BGR.
        """
        cx, cy, width, height = self.memo.bbox.tolist()
        box = np.array([cx - width / 2, cy - height / 2, width, height])
        # mmtrack passes no seed: its loop has seeded the process.
        self.memo.target = self.start(_to_frame(img), box, seed=torch.initial_seed())

    def track(self, img: Tensor, data_samples: list) -> list[InstanceData]:
        """Track into mmtrack's next frame.

        Args:
            img: (1, 3, H, W) pixel values, BGR.
            data_samples: Not needed.

        Returns:
            One :class:`InstanceData` with ``bboxes`` (1, 4), (x1, y1, x2, y2) in frame pixels, and
            ``scores`` (1,).
        """
        result = self.step(_to_frame(img), self.memo.target)
        x, y, width, height = result.box
        instances = InstanceData()
        instances.bboxes = img.new_tensor([[x, y, x + width, y + height]])
        instances.scores = img.new_tensor([result.score])
        return [instances]

    def loss(self, inputs: dict, data_samples: list, **kwargs: object) -> dict[str, Tensor]:
        """Training losses of the stages, IoU-Net and box regression, those that are not frozen.

        Args:
            inputs: ``img`` (B, n, 3, S, S) template frames and ``search_img`` (B, m, 3, S, S),
                pixel values, BGR. Or, of :class:`StoredFeatureDataset`, ``template`` and
                ``search``: for each level of the backbone, B maps (n or m, C, H, W).
            data_samples: With ``gt_instances.bboxes`` (n, 4) and ``search_gt_instances.bboxes``
                (m, 4), (x1, y1, x2, y2) in crop pixels.
            **kwargs: Not used; mmtrack's signature.
        """
        template_boxes = torch.stack([s.gt_instances.bboxes for s in data_samples])
        search_boxes = torch.stack([s.search_gt_instances.bboxes for s in data_samples])
        features = self._training_features(inputs)
        sequences, frames = template_boxes.shape[:2]
        count = sequences * frames

        def split(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            """Template and search maps with their boxes."""
            return (
                x[:count].unflatten(0, (sequences, -1)),
                template_boxes,
                x[count:].unflatten(0, (sequences, -1)),
                search_boxes,
            )

        losses = {}
        if 'head' not in self.frozen_modules:
            losses.update(self.head.loss(*split(features.x)))
        if self.refiner is not None and 'refiner' not in self.frozen_modules:
            enhanced = self.refiner.enhance(features.x, features.sources)
            losses.update(self.refiner.loss(*split(enhanced)))
        first = [level[:count:frames] for level in features.levels[:2]]
        rest = [level[count:] for level in features.levels[:2]]
        for name in ('iou_head', 'box_head'):
            head = getattr(self, name)
            if head is not None and name not in self.frozen_modules:
                losses.update(
                    head.loss(first, template_boxes[:, 0], rest, search_boxes.flatten(0, 1))
                )
        return losses

    def _training_features(self, inputs: dict) -> Features:
        """Features of all template crops, then of all search crops."""
        if 'template' not in inputs:
            template, search = inputs['img'], inputs['search_img']
            return self.extract(torch.cat((template.flatten(0, 1), search.flatten(0, 1))))
        levels = zip(inputs['template'], inputs['search'], strict=True)
        return self._combine(tuple(torch.cat((*first, *second)) for first, second in levels))


def _checked_box(box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A copy of a first box (x, y, width, height) that can be learned from."""
    box = np.array(box, dtype=np.float64)
    frame = (shape[1], shape[0])
    if not (np.isfinite(box).all() and (box[2:] > 0).all()):
        raise ValueError(f'box: must be finite and of positive size, got {box.tolist()}')
    if (box[:2] >= frame).any() or (box[:2] + box[2:] <= 0).any():
        raise ValueError(
            f'box: {box.tolist()} lies outside the {frame[0]} x {frame[1]} frame; pass (x, y, '
            'width, height) in pixels of this frame'
        )
    return box


def _stay(target: TargetState, shape: tuple[int, ...], score: float) -> TrackingResult:
    """What is reported where the target was not found: the last box, on the frame.

    Only the report is bounded: after one small frame the search goes on where it was.
    """
    score = score if math.isfinite(score) else 0.0
    return TrackingResult(_onto_frame(target.box, shape), score, TrackingState.NOT_FOUND)


def _onto_frame(box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bound a box (x, y, width, height) by the frame: its size, and its centre inside."""
    limits = np.array([shape[1], shape[0]], dtype=np.float64)
    size = np.clip(box[2:], 2.0, np.maximum(2.0, 1.5 * limits))
    center = np.clip(box[:2] + (box[2:] - 1) / 2, 0.0, limits - 1)
    return np.concatenate((center - (size - 1) / 2, size))


def _to_frame(img: Tensor) -> np.ndarray:
    """(1, 3, H, W) pixel values to (H, W, 3) uint8."""
    frame = img[0].permute(1, 2, 0).clamp(0, 255).round().to(torch.uint8)
    return np.ascontiguousarray(frame.cpu().numpy())
