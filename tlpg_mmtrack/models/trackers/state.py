# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the tracker computes of a crop, and what it keeps of a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from tlpg_mmtrack.structures import Prediction, TargetModel

from ..heads.box_regression_head import Template
from .memory import SampleMemory


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


@dataclass(frozen=True)
class Observation:
    """What the network and a target's models say of one crop.

    Attributes:
        inputs: (1, 1, C, H, W) filter features of every stage.
        predictions: Scores and proposals of every stage.
        iou_features: IoU-Net's maps; empty where boxes are picked by score alone.
        levels: The backbone's C3 and C4, for the box regression; else empty.
        enhanced: (1, C, H, W), x_E, for a second stage without a target model.
    """

    inputs: list[Tensor]
    predictions: list[Prediction]
    iou_features: tuple[Tensor, ...] = ()
    levels: tuple[Tensor, ...] = ()
    enhanced: Tensor | None = None


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
        modulation: IoU-Net's view of the template; empty where boxes are picked by
            score alone.
        template: The box regression's view of the template; None without it.
        frame: Number of frames seen after the first.
        blank: Whether there was nothing to learn from around the first box.
        updated: The one of these at which the target models last learned on schedule.
    """

    box: np.ndarray
    stages: list[Stage]
    modulation: tuple[Tensor, ...] = ()
    template: Template | None = None
    blank: bool = False
    frame: int = 0
    updated: int = 0
