# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG-Tracker: joint learning of target localization and proposal generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.structures import InstanceData
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.structures import TrackingResult, TrackingState

from ..heads.dcc_head import DCCHead, Prediction, TargetModel
from .augmentation import first_frame_crops
from .crop import crop_patch
from .localization import localize
from .memory import SampleMemory
from .options import TrackingOptions


@dataclass(frozen=True)
class Features:
    """What is computed of a batch of crops.

    Attributes:
        levels: The backbone's maps C3, C4, C5.
        x: (N, C, H, W), the neck's map of stride 16.
        sources: C3' and C5', the feature enhancer's other two inputs.
    """

    levels: tuple[Tensor, ...]
    x: Tensor
    sources: tuple[Tensor, ...]

    def __getitem__(self, index: slice) -> Features:
        """The features of some of the crops."""
        return Features(
            tuple(level[index] for level in self.levels),
            self.x[index],
            tuple(level[index] for level in self.sources),
        )


@dataclass
class Stage:
    """One stage's target model and what it is learned from."""

    model: TargetModel
    memory: SampleMemory


@dataclass
class TargetState:
    """Everything that belongs to one tracked object; several may share one network.

    Attributes:
        box: (4,) float64, (x, y, width, height) in frame pixels.
        stages: Stage 1 and, with a refiner, stage 2.
        modulation: IoU-Net's view of the template; empty without IoU-Net.
        frame: Number of frames seen after the first.
    """

    box: np.ndarray
    stages: list[Stage]
    modulation: tuple[Tensor, ...] = ()
    frame: int = 0


@MODELS.register_module()
class TLPG(BaseSingleObjectTracker):
    """Two-stage tracker with target models learned online (sections 3 to 3.5).

    Args:
        backbone: Config of a backbone with maps of stride 8, 16 and 32.
        head: Config of stage 1's :class:`DCCHead`.
        neck: Config of the neck; without it x is the backbone's C4.
        refiner: Config of the :class:`CenterBiasRefiner`; without it there is one stage.
        iou_head: Config of the :class:`IoUNetHead`.
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
        ValueError: When ``postprocess`` needs an ``iou_head`` and there is none.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        neck: dict | None = None,
        refiner: dict | None = None,
        iou_head: dict | None = None,
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
        self.neck = MODELS.build(neck) if neck is not None else None
        self.head = MODELS.build(head)
        self.refiner = MODELS.build(refiner) if refiner is not None else None
        self.iou_head = MODELS.build(iou_head) if iou_head is not None else None
        self.options = TrackingOptions(**(test_cfg or {}))
        # mmtrack's base class reads the protocol from here.
        self.test_cfg = dict(test_mode=self.options.test_mode)
        if self.options.postprocess != 'nms' and self.iou_head is None:
            raise ValueError(
                f'TLPG: test_cfg.postprocess is {self.options.postprocess!r}, which needs an '
                'iou_head'
            )
        self.frozen_modules = tuple(frozen_modules)
        self.freeze_module(self.frozen_modules)
        self.bgr_to_rgb = bgr_to_rgb
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)

    # ---------------------------------------------------------------- network

    def extract(self, images: Tensor) -> Features:
        """Backbone and neck.

        Args:
            images: (N, 3, S, S) pixel values 0..255, BGR.
        """
        if self.bgr_to_rgb:
            images = images.flip(1)
        return self._combine(self.backbone((images.float() - self.mean) / self.std))

    def _combine(self, levels: tuple[Tensor, ...]) -> Features:
        """The neck, on the backbone's maps."""
        if self.neck is None:
            return Features(levels, levels[1], (levels[0], levels[-1]))
        if hasattr(self.neck, 'laterals'):
            laterals = self.neck.laterals(levels)
            return Features(levels, self.neck.fuse(laterals), (laterals[0], laterals[-1]))
        maps = self.neck(levels)
        return Features(levels, maps[1], (maps[0], maps[2]))

    def _stage_heads(self) -> list[DCCHead]:
        return [self.head] if self.refiner is None else [self.head, self.refiner.head]

    def _stage_inputs(self, features: Features) -> list[Tensor]:
        """(N, C, H, W) filter features of every stage."""
        inputs = [self.head.features(features.x)]
        if self.refiner is not None:
            enhanced = self.refiner.enhance(features.x, features.sources)
            inputs.append(self.refiner.head.features(enhanced))
        return inputs

    # ---------------------------------------------------------------- tracking

    @torch.no_grad()
    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> TargetState:
        """Learn a target in the first frame.

        Args:
            frame: (H, W, 3) uint8, BGR.
            box: (4,), (x, y, width, height) in frame pixels.
            seed: Seed of the augmentation.

        Returns:
            The target's state, for :meth:`step`.
        """
        options = self.options
        box = np.asarray(box, dtype=np.float64)
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
            for head, x in zip(self._stage_heads(), self._stage_inputs(features), strict=True)
        ]
        modulation = ()
        if self.iou_head is not None:
            modulation = self.iou_head.modulation(features[:1].levels[:2], boxes[:1])
        return TargetState(box=box, stages=stages, modulation=modulation)

    def _start_stage(self, head: DCCHead, features: Tensor, boxes: Tensor) -> Stage:
        samples = head.samples(features, boxes)
        model = head.initialise(features[:, :1], boxes[:, :1])
        model = head.learn(model, samples, self.options.first_iters).model
        if not self.options.update_offsets:
            samples = replace(samples, points=head.predict(model, features).points)
        memory = SampleMemory(
            samples,
            self.options.memory_size,
            self.options.memory_rate,
            self.options.first_share,
        )
        return Stage(model, memory)

    @torch.no_grad()
    def step(self, frame: np.ndarray, target: TargetState) -> TrackingResult:
        """Find the target in the next frame and learn from it.

        Args:
            frame: (H, W, 3) uint8, BGR; its size may differ from the last frame's.
            target: State from :meth:`start`; updated in place.
        """
        options = self.options
        target.frame += 1
        side = self._search_side(target.box)
        center = target.box[:2] + (target.box[2:] - 1) / 2
        crop = crop_patch(frame, center, side, options.crop_size)
        features = self.extract(self._to_tensor(crop[None]))
        inputs = [x.unsqueeze(0) for x in self._stage_inputs(features)]
        predictions = [
            head.predict(stage.model, x)
            for head, stage, x in zip(self._stage_heads(), target.stages, inputs, strict=True)
        ]
        scores = predictions[0].scores[0, 0]
        size = target.box[2:] * options.crop_size / side / self.head.stride
        place = localize(scores.cpu().numpy(), (size[1], size[0]), options)
        if place.state is TrackingState.NOT_FOUND:
            target.box = _onto_frame(target.box, frame.shape)
            return TrackingResult(target.box.copy(), place.score, place.state)
        crop_box = self._propose(target, features, predictions, place.cell)
        self._move(target, crop_box, center, side, frame.shape)
        self._update(target, inputs, predictions, crop_box, place.state)
        return TrackingResult(target.box.copy(), place.score, place.state)

    def _propose(
        self,
        target: TargetState,
        features: Features,
        predictions: list[Prediction],
        cell: tuple[int, int],
    ) -> Tensor:
        """(4,) final box in crop pixels, from the proposals around the localised cell."""
        boxes = self.head.proposal_boxes(predictions[0].distances[0])[0]
        scores = predictions[0].scores[0, 0]
        peak = cell[0] * scores.shape[1] + cell[1]
        near = bbox_overlaps(boxes[peak : peak + 1], boxes)[0] > 0.5
        # Also where the peak's own proposal is degenerate and overlaps nothing.
        near[peak] = True
        boxes, scores = boxes[near], scores.flatten()[near]
        if self.refiner is not None:
            boxes, scores = self.refiner.refine(predictions[1], boxes, scores)
        if self.options.postprocess == 'nms':
            return self._merge(boxes, scores)
        iou_features = self.iou_head.features(features.levels[:2])
        iou = self.iou_head.predict_iou(target.modulation, iou_features, boxes[None])[0]
        if self.options.postprocess == 'iou':
            return self._merge(boxes, iou)
        # The score knows the target from what looks alike, which IoU-Net does not.
        box = self._merge(boxes, scores.clamp(min=1e-6) * iou.clamp(min=1e-3))
        return self.iou_head.search(target.modulation, iou_features, box[None])[0]

    def _merge(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """(4,) mean by score of the best of (R, 4) boxes and those that overlap it."""
        best = scores.argmax()
        overlaps = bbox_overlaps(boxes[best][None], boxes)[0]
        weights = scores.clamp(min=1e-6) * (overlaps > self.options.merge_iou)
        weights[best] = weights[best].clamp(min=1e-3)
        return (boxes * weights.unsqueeze(1)).sum(0) / weights.sum()

    def _move(
        self,
        target: TargetState,
        crop_box: Tensor,
        center: np.ndarray,
        side: float,
        shape: tuple[int, ...],
    ) -> None:
        """Map the new box to the frame; it stays finite, of positive size, and on the frame."""
        x1, y1, x2, y2 = crop_box.double().cpu().numpy() * (side / self.options.crop_size)
        middle = (self.options.crop_size - 1) / 2 * (side / self.options.crop_size)
        size = np.clip([x2 - x1, y2 - y1], 0.5 * target.box[2:], 2.0 * target.box[2:])
        size = target.box[2:] + self.options.box_rate * (size - target.box[2:])
        center = center + np.array([x1 + x2, y1 + y2]) / 2 - middle
        target.box = _onto_frame(np.concatenate((center - (size - 1) / 2, size)), shape)

    def _update(
        self,
        target: TargetState,
        inputs: list[Tensor],
        predictions: list[Prediction],
        crop_box: Tensor,
        state: TrackingState,
    ) -> None:
        """Store the frame and learn from the memory, when it is due or a distractor shows."""
        if state is TrackingState.UNCERTAIN:
            return
        options = self.options
        hard = state is TrackingState.HARD_NEGATIVE
        due = target.frame % options.update_interval == 0
        iterations = options.update_iters if due else options.hard_negative_iters
        for head, stage, features, prediction in zip(
            self._stage_heads(), target.stages, inputs, predictions, strict=True
        ):
            sample = head.samples(features, crop_box.view(1, 1, 4))
            sample = replace(sample, points=prediction.points)
            stage.memory.add(sample, options.hard_negative_rate if hard else None)
            if due or hard:
                stage.model = self._learn(head, stage, iterations)

    def _learn(self, head: DCCHead, stage: Stage, iterations: int) -> TargetModel:
        """The target model after an update from the memory."""
        samples = stage.memory.samples
        if self.options.update_offsets:
            return head.learn(stage.model, samples, iterations).model
        course = head.learn_filter(stage.model, samples, iterations)
        return replace(stage.model, filter=course.parameters[0])

    def _search_side(self, box: np.ndarray) -> float:
        return self.options.search_scale * float(np.sqrt(box[2] * box[3]))

    def _to_tensor(self, crops: np.ndarray) -> Tensor:
        """(n, S, S, 3) to (n, 3, S, S) on the network's device."""
        return torch.from_numpy(crops).to(self.mean.device).permute(0, 3, 1, 2)

    # ---------------------------------------------------------------- mmtrack

    def init(self, img: Tensor) -> None:
        """Start on mmtrack's first frame; the box is ``self.memo.bbox`` (cx, cy, w, h).

        Args:
            img: (1, 3, H, W) pixel values, BGR.
        """
        cx, cy, width, height = self.memo.bbox.double().cpu().tolist()
        box = np.array([cx - width / 2, cy - height / 2, width, height])
        # mmtrack hands no seed over: that which its loop gave the process.
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
        """Training losses of both stages and of IoU-Net, as far as they are not frozen.

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
        if self.iou_head is not None and 'iou_head' not in self.frozen_modules:
            first = [level[:count:frames] for level in features.levels[:2]]
            rest = [level[count:] for level in features.levels[:2]]
            losses.update(
                self.iou_head.loss(first, template_boxes[:, 0], rest, search_boxes.flatten(0, 1))
            )
        return losses

    def _training_features(self, inputs: dict) -> Features:
        """Features of all template crops, then of all search crops."""
        if 'template' not in inputs:
            template, search = inputs['img'], inputs['search_img']
            return self.extract(torch.cat((template.flatten(0, 1), search.flatten(0, 1))))
        levels = zip(inputs['template'], inputs['search'], strict=True)
        return self._combine(tuple(torch.cat((*first, *second)) for first, second in levels))


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
