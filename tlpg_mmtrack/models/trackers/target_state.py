# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is known of a target, and what was found of it in a frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from tlpg_mmtrack.structures import TargetModel

from ..heads.box_regression_head import Template
from .confidence import Evidence, History
from .frame_network import Observation
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
    """Everything that belongs to one tracked object; several may share one network."""

    box: np.ndarray  #: (4,) float64, (x, y, width, height) in frame pixels.
    last: np.ndarray  #: (4,), the box when the target was last found.
    stages: list[Stage]  #: Stage 1 and, with a :class:`CenterBiasRefiner`, stage 2.
    history: History  #: What was usual in sure frames.
    look_alikes: LookAlikes = field(default_factory=LookAlikes)  #: What is beside the target.
    modulation: tuple[Tensor, ...] = ()  #: IoU-Net's view of the template, if it is asked.
    template: Template | None = None  #: The box regression's view of the template, if it is used.
    blank: bool = False  #: Whether there was nothing to learn from around the first box.
    frame: int = 0  #: Number of frames seen after the first.
    last_frame: int = 0  #: Number of the one in which the target was last found.
    missed: int = 0  #: Number of frames since then; those that show nothing are not counted.
    searches: int = 0  #: Number of frames since then in which it was looked for elsewhere, too.
    #: 0 until it is lost for ``redetection`` frames; then, of several targets, the highest should
    #: be looked for elsewhere; infinite where a candidate must be seen again.
    waiting: float = 0
    candidate: np.ndarray | None = None  #: (4,), what may be the target, seen in the last frame.
    schedule: Schedule = field(default_factory=Schedule)  #: When the target models learn.
    due: list[int] = field(default_factory=list)  #: Stages with an iteration to run, in order.

    @property
    def extent(self) -> float:
        """Its size when it was last found, the root of its area, in frame pixels."""
        return float(np.sqrt(np.prod(self.last[2:])))


@dataclass(frozen=True)
class Look:
    """One search region."""

    region: SearchRegion  #: Where it is.
    seen: Observation  #: What network and target models say of it.
    scores: Tensor  #: (H, W), mean of the stages' score maps.
    last_size: Tensor  #: (2,), the target's (width, height) in crop pixels.
    peaks: Peaks  #: Of the score map.
    place: Localization  #: The peak that is taken for the target.


@dataclass(frozen=True)
class Found:
    """A box that was found."""

    look: Look  #: In which region.
    box: Tensor  #: (4,), (x1, y1, x2, y2) in crop pixels.
    center: np.ndarray  #: (2,), (x, y) in frame pixels.
    size: np.ndarray  #: (2,), (width, height) in frame pixels.
    iou: float  #: Its predicted IoU.
    appearance: Tensor  #: (D,), what it looks like.
    evidence: Evidence  #: What speaks for it.

    @property
    def frame_box(self) -> np.ndarray:
        """(4,), (x, y, width, height) in frame pixels."""
        return box_around(self.center, self.size)


@dataclass(frozen=True)
class Sighting:
    """What looks most like the target in one search region."""

    score: float  #: The peak's.
    found: Found | None = None  #: What is there; None where the score says that there is nothing.
    confidence: float = 0.0  #: Probability that it is the target; 0 without a box.
