# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Learning a target's models: in its first frame, and from what was found since (section 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from tlpg_mmtrack.structures import TargetModel, TrackingState

from ..heads.dcc_head import DCCHead
from .memory import SampleMemory
from .options import TrackingOptions
from .target_state import Found, Stage, TargetState


class OnlineLearning:
    """Learns the models of a target's stages.

    Args:
        heads: Of the stages.
        options: Test-time settings.
    """

    def __init__(self, heads: Sequence[DCCHead], options: TrackingOptions) -> None:
        self.heads = heads
        self.options = options

    def start(self, head: DCCHead, features: Tensor, boxes: Tensor) -> Stage:
        """Learn from (1, n, C, H, W) filter features of crops and their (1, n, 4) boxes."""
        options = self.options
        samples = head.samples(features, boxes)
        model = head.initialise(features[:, :1], boxes[:, :1])
        model = head.learn(model, samples, options.first_iters).model
        if not options.update_offsets:
            samples = head.filter_samples(features, boxes, head.predict(model, features))
        memory = (options.memory_size, options.memory_rate, options.first_share)
        return Stage(model, SampleMemory(samples, *memory))

    def update(
        self, target: TargetState, found: Found, confidence: float, state: TrackingState
    ) -> None:
        """Store the frame and learn from the memory, when it is due or a distractor shows."""
        options = self.options
        hard = state is TrackingState.HARD_NEGATIVE
        iterations = options.hard_negative_iters if hard else 0
        if target.schedule.is_due(target.frame, options.update_interval):
            iterations = options.update_iters
        box = found.box.view(1, 1, 4)
        views = found.seen.stages
        for head, stage, view in zip(self.heads, target.stages, views, strict=True):
            if options.update_offsets:
                sample = head.samples(view.features, box)
            else:
                sample = head.filter_samples(view.features, box, view)
            stage.memory.add(sample, options.hard_negative_rate if hard else None, confidence)
        wanted = [*range(len(target.stages))] * iterations
        if len(target.due) < len(wanted):
            target.due += wanted
        # One at a time: a frame with a whole update would take three times as long as others.
        if target.due:
            index = target.due.pop(0)
            stage = target.stages[index]
            stage.model = self._learn(self.heads[index], stage)

    def _learn(self, head: DCCHead, stage: Stage) -> TargetModel:
        """The target model after an iteration on the memory."""
        samples = stage.memory.samples
        if self.options.update_offsets:
            return head.learn(stage.model, samples, 1).model
        course = head.learn_filter(stage.model, samples, 1)
        return replace(stage.model, filter=course.parameters[0])
