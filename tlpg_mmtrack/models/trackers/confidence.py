# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The probability that what was found is the target, by evidence against what was usual."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from .appearance import Appearance
from .search_region import center_of

if TYPE_CHECKING:
    from .localization import Localization

LEAST = 0.2  #: Below it the target is lost.
SURE = 0.5  #: Below it a frame is uncertain: neither size nor look are learned.
#: What a lost target must have to be found away from its last place, where :data:`SURE` is enough;
#: in two frames, once it is searched for.
FOUND = 0.9
LEAST_SCORE = 1e-3  #: By which others are divided.
SURE_RATE = 0.05  #: Share of a sure frame in the running means; the first ones count more.
VELOCITY_RATE = 0.3  #: Share of a frame's shift in the velocity.


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against one found box, against what was usual."""

    score: float  #: The peak's score.
    level: float  #: The same, relative to the mean of sure frames.
    second: float  #: The second peak's score, relative to the peak's.
    iou: float  #: Predicted IoU of the box.
    similarity: float  #: Cosine of the box's look and the first frame's.
    recent: float  #: Cosine of the box's look and that of sure frames.
    jump: float  #: Change of the velocity since the last found frame, in target sizes a frame.
    growth: float  #: Absolute change of the size's logarithm, of width and height together.
    since: int  #: Number of frames since the last found one.

    @property
    def steady(self) -> bool:
        """Whether it fits its box, alone, where the target was expected.

        Then it is the target, whose look has changed (docs/decisions.md, "Steady").
        """
        in_place = self.jump * self.since < 0.15 and self.growth < 1.0
        return in_place and self.iou >= 0.7 and self.second < 0.3


def confidence_in(evidence: Evidence, weights: Mapping[str, float] | None) -> float:
    """The probability, 0..1, that it is the target; at least even if it is steady.

    A logistic regression, with ``weights`` by name of the evidence, and ``bias``; without them the
    confidence is 1. It is 0 where the evidence is not finite.
    """
    if weights is None:
        return 1.0
    values = {**bounded(evidence), 'bias': 1.0}
    logit = sum(weight * values[name] for name, weight in weights.items())
    if not math.isfinite(logit):
        return 0.0
    probability = 1 / (1 + math.exp(-min(max(logit, -30.0), 30.0)))
    return max(probability, SURE) if evidence.steady else probability


def bounded(evidence: Evidence) -> dict[str, float]:
    """The evidence as the confidence reads it: bounded, so that nothing outweighs all else."""
    values = asdict(evidence)
    values['level'] = min(max(evidence.level, 0.0), 1.2)
    values['jump'] = min(evidence.jump, 1.5)
    values['growth'] = min(evidence.growth, 1.0)
    return values


@dataclass
class History:
    """What was usual in sure frames."""

    appearance: Appearance  #: Looks of the target.
    #: (2,), (x, y), mean shift of the centre in frame pixels a frame.
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    score: float = 0.8  #: Mean peak score.
    frames: int = 0  #: Number of sure frames.

    def evidence(
        self,
        place: Localization,
        iou: float,
        similarity: np.ndarray,
        last: np.ndarray,
        center: np.ndarray,
        size: np.ndarray,
        frames: int,
    ) -> Evidence:
        """What speaks for a box of this centre, (x, y), and size, (width, height).

        ``iou`` is its predicted one, ``similarity`` as of :meth:`Appearance.similarity`; ``last``
        is the last box, (x, y, width, height), found so many ``frames`` ago. All in frame pixels.
        """
        way = (center - center_of(last)) / frames - self.velocity
        return Evidence(
            score=place.score,
            level=place.score / max(self.score, LEAST_SCORE),
            second=max(place.second, 0.0) / max(place.score, LEAST_SCORE),
            iou=iou,
            similarity=float(similarity[0]),
            recent=float(similarity[1]),
            jump=float(np.linalg.norm(way) / np.sqrt(np.prod(last[2:]))),
            growth=float(np.abs(np.log(np.maximum(size, 1e-3) / last[2:])).sum()),
            since=frames,
        )

    def moved(self, shift: np.ndarray) -> None:
        """Take a shift (2,) of the centre, frame pixels a frame, into the velocity."""
        self.velocity = self.velocity + VELOCITY_RATE * (shift - self.velocity)

    def learn(self, evidence: Evidence, look: Tensor) -> None:
        """Take a sure frame, and the (D,) look of the target in it, into the means."""
        self.appearance.learn(look)
        self.frames += 1
        # The 0.8 that they start at counts as one frame.
        rate = max(SURE_RATE, 1 / (self.frames + 1))
        self.score += rate * (evidence.score - self.score)
