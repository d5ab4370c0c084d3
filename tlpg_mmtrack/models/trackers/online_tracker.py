# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tracking one target: learn it in its first frame, find it in each next one, learn from that."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from tlpg_mmtrack.structures import TargetModel, TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import InputError

from ...ops.crop import contrast
from ..heads.box_regression_head import Template
from ..heads.dcc_head import DCCHead
from ..torchscript import tensors_of
from .augmentation import first_frame_crops
from .frame_network import FrameNetwork, Observation, StageOutput
from .localization import localize
from .memory import SampleMemory, Schedule
from .options import TrackingOptions
from .postprocess import merge_by_iou, merge_by_score
from .search_region import SearchRegion, bound_by_frame

logger = logging.getLogger(__name__)

LEAST_CONTRAST = 0.25
"""A crop of less contrast is blank: what the filter scores there says nothing (docs/decisions.md,
"A blank crop is not searched")."""
LEAST_CONFIDENCE = 0.1
"""A box of no confidence still counts this much, or its size could not recover."""


@dataclass
class Stage:
    """One stage's target model and the memory that it is learned from."""

    model: TargetModel
    memory: SampleMemory


@dataclass
class TargetState:
    """Everything that belongs to one tracked object; several may share one network.

    Attributes:
        box: (4,) float64, (x, y, width, height) in frame pixels.
        stages: Stage 1 and, with a :class:`CenterBiasRefiner`, stage 2.
        modulation: IoU-Net's view of the template, (1, ...) for each level; empty where boxes are
            picked by score alone.
        template: The box regression's view of the template; None without it.
        blank: Whether there was nothing to learn from around the first box.
        frame: Number of frames seen after the first.
        schedule: When the target models learn.
    """

    box: np.ndarray
    stages: list[Stage]
    modulation: tuple[Tensor, ...] = ()
    template: Template | None = None
    blank: bool = False
    frame: int = 0
    schedule: Schedule = field(default_factory=Schedule)


class OnlineTracker:
    """Tracks targets, each with a state of its own, by one network (sections 3.3 to 3.5).

    Args:
        network: What runs on every frame.
        options: Test-time settings.
    """

    def __init__(self, network: FrameNetwork, options: TrackingOptions) -> None:
        self.network = network
        self.options = options

    @torch.inference_mode()
    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> TargetState:
        """Learn a target in the first frame; see :meth:`TLPG.start`."""
        options, network = self.options, self.network
        box = _checked_box(box, frame.shape)
        crops, boxes = first_frame_crops(
            frame,
            box,
            SearchRegion.around(box, options, self._target_pixel).side,
            options.crop_size,
            options.warps,
            np.random.default_rng(seed),
            place=self._target_pixel,
        )
        features = network.extract(self._to_tensor(crops))
        boxes = torch.from_numpy(boxes).to(features.x.device)
        stages = [
            self._start_stage(head, x.unsqueeze(0), boxes.unsqueeze(0))
            for head, x in zip(network.heads, network.filter_features(features), strict=True)
        ]
        target = TargetState(box=box, stages=stages, blank=contrast(crops[0]) < LEAST_CONTRAST)
        if target.blank:
            logger.warning(
                'nothing can be seen around the box %s, so the target will not be found; start '
                'on a frame that shows it',
                box.round(1).tolist(),
            )
        levels = [level[:1] for level in features.levels[:2]]
        if options.uses_iou:
            target.modulation = network.iou_head.modulation(levels, boxes[:1])
        if options.uses_regression:
            target.template = network.box_head.template(levels, boxes[:1])
        return target

    @torch.inference_mode()
    def step(self, frame: np.ndarray, target: TargetState) -> TrackingResult:
        """Find the target in the next frame and learn from it; see :meth:`TLPG.step`."""
        target.frame += 1
        region = self.search_region(target)
        crop = region.cut(frame)
        if target.blank or contrast(crop) < LEAST_CONTRAST:
            return _not_found(target, frame.shape, 0.0)
        seen = self.observe(crop, target)
        # Two stages, learned on different features, are wrong in different places.
        scores = sum(stage.scores[0, 0] for stage in seen.stages) / len(seen.stages)
        grid = self.network.head.grid
        width, height = target.box[2:] * region.scale / grid.stride
        last = grid.to_cells(self._target_pixel)
        place = localize(scores.cpu().numpy(), (height, width), last, self.options)
        if place.state is TrackingState.NOT_FOUND:
            return _not_found(target, frame.shape, place.score)
        last_size = scores.new_tensor(target.box[2:] * region.scale)
        box, confidence = self._find_box(target, seen, scores, place.cell, last_size)
        if not (box.isfinite().all() and math.isfinite(confidence)):
            # Nothing finite could be found from such a box again.
            return _not_found(target, frame.shape, place.score)
        self._move(target, region, box.cpu().double().numpy(), confidence, frame.shape)
        self._update(target, seen, box, confidence, place.state)
        return TrackingResult(target.box.copy(), place.score, place.state)

    def search_region(self, target: TargetState) -> SearchRegion:
        """Where the next frame is searched."""
        return SearchRegion.around(target.box, self.options, self._target_pixel)

    @property
    def _target_pixel(self) -> float:
        """Crop pixel, on both axes, on which the target is expected: a cell's, near the middle.

        Between two cells the features of a thin target are half background.
        """
        grid = self.network.head.grid
        return grid.to_pixels(round(grid.middle(self.options.crop_size)))

    def observe(self, crop: np.ndarray, target: TargetState) -> Observation:
        """What network and target models say of a crop (S, S, 3) uint8, BGR."""
        models = [stage.model for stage in target.stages]
        return self.network.observe(self._to_tensor(crop[None]), models)

    def _start_stage(self, head: DCCHead, features: Tensor, boxes: Tensor) -> Stage:
        """Learn from (1, n, C, H, W) filter features of crops and their (1, n, 4) boxes."""
        options = self.options
        samples = head.samples(features, boxes)
        model = head.initialise(features[:, :1], boxes[:, :1])
        model = head.learn(model, samples, options.first_iters).model
        if not options.update_offsets:
            samples = head.filter_samples(features, boxes, head.predict(model, features))
        memory = (options.memory_size, options.memory_rate, options.first_share)
        return Stage(model, SampleMemory(samples, *memory))

    # ------------------------------------------------------------- the box

    def _find_box(
        self,
        target: TargetState,
        seen: Observation,
        scores: Tensor,
        cell: tuple[int, int],
        last_size: Tensor,
    ) -> tuple[Tensor, float]:
        """(4,) final box in crop pixels, and the confidence in it, in 0..1."""
        network, options = self.network, self.options
        boxes = self._proposals(seen.stages[0], last_size)
        peak = cell[0] * scores.shape[1] + cell[1]
        near = bbox_overlaps(boxes[peak : peak + 1], boxes)[0] > options.merge_iou
        # Also where the peak's own proposal is degenerate and overlaps nothing.
        near[peak] = True
        boxes, scores = boxes[near], scores.flatten()[near]
        if network.refiner is not None:
            view = seen.stages[1] if seen.enhanced is None else seen.enhanced
            boxes, scores = network.refiner.refine(view, boxes, scores)
        if options.postprocess == 'iou':
            iou = network.iou_head.predict_iou(target.modulation, seen.iou_features, boxes[None])
            box, iou = merge_by_iou(boxes, iou[0], options.merge_iou)
            return box, self._confidence(float(iou))
        box = merge_by_score(boxes, scores, options.merge_iou)
        if options.postprocess == 'nms':
            return box, 1.0
        template = () if target.template is None else tensors_of(target.template)
        box, iou = network.postprocess(
            box, last_size, target.modulation, seen.iou_features, template, seen.levels
        )
        return box, self._confidence(float(iou))

    def _proposals(self, stage: StageOutput, last_size: Tensor) -> Tensor:
        """(H*W, 4), stage 1's box at every cell; a head that proposes none leaves the last size.

        Args:
            stage: What stage 1 says.
            last_size: (2,), width and height in crop pixels.
        """
        head = self.network.head
        if head.proposes:
            return stage.boxes
        half = (last_size / head.grid.stride / 2).repeat(2).view(1, 4, 1, 1)
        return head.proposal_boxes(half.expand_as(stage.distances[0]))[0]

    def _confidence(self, iou: float) -> float:
        """The confidence in a box of this predicted IoU, in 0..1.

        Where something passes before the target, the box that fits best takes in both.
        """
        if self.options.trusted_iou is None:
            return 1.0
        low, high = self.options.trusted_iou
        return min(max((iou - low) / (high - low), LEAST_CONFIDENCE), 1.0)

    def _move(
        self,
        target: TargetState,
        region: SearchRegion,
        box: np.ndarray,
        confidence: float,
        shape: tuple[int, ...],
    ) -> None:
        """Take a (4,) box of the crop; it stays finite, of positive size, and on the frame."""
        last = target.box[2:]
        center, size = region.to_frame(box)
        size = np.clip(size, 0.5 * last, 2.0 * last)
        size = last + self.options.box_rate * confidence * (size - last)
        target.box = bound_by_frame(np.concatenate((center - (size - 1) / 2, size)), shape)

    # ------------------------------------------------------------- learning

    def _update(
        self,
        target: TargetState,
        seen: Observation,
        box: Tensor,
        confidence: float,
        state: TrackingState,
    ) -> None:
        """Store the frame and learn from the memory, when it is due or a distractor shows."""
        if state is TrackingState.UNCERTAIN:
            return
        options = self.options
        hard = state is TrackingState.HARD_NEGATIVE
        due = target.schedule.is_due(target.frame, options.update_interval)
        iterations = options.update_iters if due else options.hard_negative_iters
        box = box.view(1, 1, 4)
        for head, stage, view in zip(self.network.heads, target.stages, seen.stages, strict=True):
            if options.update_offsets:
                sample = head.samples(view.features, box)
            else:
                sample = head.filter_samples(view.features, box, view)
            stage.memory.add(sample, options.hard_negative_rate if hard else None, confidence)
            if due or hard:
                stage.model = self._learn(head, stage, iterations)

    def _learn(self, head: DCCHead, stage: Stage, iterations: int) -> TargetModel:
        """The target model after an update from the memory."""
        samples = stage.memory.samples
        if self.options.update_offsets:
            return head.learn(stage.model, samples, iterations).model
        course = head.learn_filter(stage.model, samples, iterations)
        return replace(stage.model, filter=course.parameters[0])

    def _to_tensor(self, crops: np.ndarray) -> Tensor:
        """(n, S, S, 3) to (n, 3, S, S) on the network's device."""
        device = next(self.network.parameters()).device
        return torch.from_numpy(crops).to(device).permute(0, 3, 1, 2)


def _checked_box(box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A copy of a first box (x, y, width, height) that can be learned from."""
    box = np.array(box, dtype=np.float64)
    frame = (shape[1], shape[0])
    if not (np.isfinite(box).all() and (box[2:] > 0).all()):
        raise InputError(f'box: must be finite and of positive size, got {box.tolist()}')
    if (box[:2] >= frame).any() or (box[:2] + box[2:] <= 0).any():
        raise InputError(
            f'box: {box.tolist()} lies outside the {frame[0]} x {frame[1]} frame; pass (x, y, '
            'width, height) in pixels of this frame'
        )
    return box


def _not_found(target: TargetState, shape: tuple[int, ...], score: float) -> TrackingResult:
    """The last box, on the frame.

    Only the report is bounded: after one small frame the search goes on where it was.
    """
    score = score if math.isfinite(score) else 0.0
    return TrackingResult(bound_by_frame(target.box, shape), score, TrackingState.NOT_FOUND)
