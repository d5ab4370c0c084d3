# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What a tracker reports for one frame."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np


class TrackingState(enum.Enum):
    """How sure the tracker is of one frame's box (DiMP's four localisation outcomes)."""

    NORMAL = 'normal'  #: The target was found and nothing resembles it.
    #: The target was found beside a distractor, which the target model learns to reject.
    HARD_NEGATIVE = 'hard_negative'
    #: The evidence is weak, or two candidates are alike; the frame is not learned from.
    UNCERTAIN = 'uncertain'
    #: The target is lost or the frame is unusable; the box is a guess, near the last one.
    NOT_FOUND = 'not_found'


@dataclass(frozen=True)
class TrackingResult:
    """The answer for one frame.

    Attributes:
        box: (4,) float64, (x, y, width, height) in frame pixels, top-left corner, 0-based. Always
            finite, of positive size, and overlapping the frame.
        score: The peak of the target model's score map; 0.8 to 1 where the target looks as in the
            first frame, less where it or its surroundings have changed, near 0 where it is lost.
        state: How sure the tracker is.
        confidence: Probability that the box is on the target.
    """

    box: np.ndarray
    score: float
    state: TrackingState
    confidence: float = 1.0
