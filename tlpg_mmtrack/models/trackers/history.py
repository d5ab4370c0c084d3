# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What was usual in sure frames, which the evidence of the next ones is held against."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from .appearance import Appearance
from .confidence import Evidence
from .localization import Localization
from .search_region import center_of

LEAST_SCORE = 1e-3
"""By which others are divided."""
RATE = 0.05
"""Share of a sure frame in the running means; the first ones count more."""
VELOCITY_RATE = 0.3
"""Share of a frame's shift in the velocity."""


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
        rate = max(RATE, 1 / (self.frames + 1))
        self.score += rate * (evidence.score - self.score)
