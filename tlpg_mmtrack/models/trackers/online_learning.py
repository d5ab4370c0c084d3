# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Learning a target's models: in its first frame, and from what was found since (section 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from tlpg_mmtrack.structures import Prediction, TrackingState

from ..heads.dcc_head import DCCHead
from .memory import SampleMemory
from .options import TrackingOptions
from .target_state import Found, Stage, TargetState


class OnlineLearning:
    """Learns the models of a target's stages, each by its head."""

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
        views = found.look.seen.stages
        for head, stage, view in zip(self.heads, target.stages, views, strict=True):
            self.store(head, stage, view.features, view, box, hard, confidence)
        wanted = [*range(len(target.stages))] * iterations
        if len(target.due) < len(wanted):
            target.due += wanted
        # One at a time: a frame with a whole update would take three times as long as others.
        if target.due:
            index = target.due.pop(0)
            stage = target.stages[index]
            self.learn(self.heads[index], stage)

    def store(
        self,
        head: DCCHead,
        stage: Stage,
        features: Tensor,
        prediction: Prediction,
        box: Tensor,
        hard: bool,
        confidence: float = 1.0,
    ) -> None:
        """Add a frame's (1, 1, C, H, W) filter features to a stage's memory.

        ``prediction`` is what the stage said of them, ``box`` (1, 1, 4), (x1, y1, x2, y2) in crop
        pixels; ``hard``, whether a distractor shows; ``confidence``, a factor on its weight.
        """
        if self.options.update_offsets:
            sample = head.samples(features, box)
        else:
            sample = head.filter_samples(features, box, prediction)
        stage.memory.add(sample, self.options.hard_negative_rate if hard else None, confidence)

    def learn(self, head: DCCHead, stage: Stage, iterations: int = 1) -> None:
        """Learn a stage's target model from its memory."""
        samples = stage.memory.samples
        if self.options.update_offsets:
            stage.model = head.learn(stage.model, samples, iterations).model
        else:
            course = head.learn_filter(stage.model, samples, iterations)
            stage.model = replace(stage.model, filter=course.parameters[0])
