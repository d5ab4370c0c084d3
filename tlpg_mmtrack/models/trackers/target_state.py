# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is known of a target, and what was found of it in a frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from tlpg_mmtrack.structures import TargetModel, TrackingState

from ..heads.box_regression_head import Template
from .confidence import Evidence
from .frame_network import Observation
from .history import History
from .localization import Localization
from .look_alikes import LookAlikes, Peaks
from .memory import SampleMemory, Schedule
from .search_region import SearchRegion, box_around


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
        last: (4,), the box when the target was last found.
        stages: Stage 1 and, with a :class:`CenterBiasRefiner`, stage 2.
        history: What was usual in sure frames.
        look_alikes: What is beside the target.
        modulation: IoU-Net's view of the template, (1, ...) for each level; empty where boxes are
            picked by score alone.
        template: The box regression's view of the template; None without it.
        blank: Whether there was nothing to learn from around the first box.
        frame: Number of frames seen after the first.
        last_frame: Number of that frame.
        missed: Number of frames since then; those that show nothing are not counted.
        searches: Number of frames since then in which it was looked for elsewhere, too.
        waiting: 0 until it is lost; from then on, of several targets the one with the highest
            should be looked for elsewhere.
        candidate: (4,), the box that may be the target when it is lost, of the last frame; or
            None.
        schedule: When the target models learn.
        due: Stages that have an iteration to run, in order.
    """

    box: np.ndarray
    last: np.ndarray
    stages: list[Stage]
    history: History
    look_alikes: LookAlikes = field(default_factory=LookAlikes)
    modulation: tuple[Tensor, ...] = ()
    template: Template | None = None
    blank: bool = False
    frame: int = 0
    last_frame: int = 0
    missed: int = 0
    searches: int = 0
    waiting: float = 0
    candidate: np.ndarray | None = None
    schedule: Schedule = field(default_factory=Schedule)
    due: list[int] = field(default_factory=list)

    @property
    def extent(self) -> float:
        """Its size when it was last found, the root of its area, in frame pixels."""
        return float(np.sqrt(np.prod(self.last[2:])))


@dataclass(frozen=True)
class Look:
    """One search region.

    Attributes:
        region: Where it is.
        seen: What network and target models say of it.
        scores: (H, W), mean of the stages' score maps.
        last_size: (2,), the target's (width, height) in crop pixels.
        peaks: Of the score map.
        place: The peak that is taken for the target.
    """

    region: SearchRegion
    seen: Observation
    scores: Tensor
    last_size: Tensor
    peaks: Peaks
    place: Localization


@dataclass(frozen=True)
class Found:
    """A box that was found.

    Attributes:
        seen: What network and target models say of the crop.
        state: How sure the score map is.
        peaks: Of the score map.
        box: (4,), (x1, y1, x2, y2) in crop pixels.
        center: (2,), (x, y) in frame pixels.
        size: (2,), (width, height) in frame pixels.
        iou: Its predicted IoU.
        appearance: (D,), what it looks like.
        evidence: What speaks for it.
    """

    seen: Observation
    state: TrackingState
    peaks: Peaks
    box: Tensor
    center: np.ndarray
    size: np.ndarray
    iou: float
    appearance: Tensor
    evidence: Evidence

    @property
    def frame_box(self) -> np.ndarray:
        """(4,), (x, y, width, height) in frame pixels."""
        return box_around(self.center, self.size)


@dataclass(frozen=True)
class Sighting:
    """What looks most like the target in one search region.

    Attributes:
        score: The peak's.
        found: What is there; None where the score says that there is nothing.
        confidence: Probability that it is the target; 0 without a box.
    """

    score: float
    found: Found | None = None
    confidence: float = 0.0
