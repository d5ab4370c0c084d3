# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The probability that what was found is the target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

LEAST = 0.2
"""Below it the target is lost."""
SURE = 0.5
"""Below it a frame is uncertain: neither size nor look are learned."""
FOUND = 0.9
"""What a lost target must have to be found away from its last place, where :data:`SURE` is enough;
in two frames, once it is searched for."""


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
