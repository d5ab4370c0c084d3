# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What was usual in sure frames, which the evidence of the next ones is held against."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tlpg_mmtrack.structures import TargetModel

from .appearance import Appearance
from .confidence import Evidence
from .frame_network import StageOutput
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
    """What was usual in sure frames.

    Attributes:
        appearance: Looks of the target.
        models: The first frame's target models, one a stage.
        velocity: (2,), (x, y), mean shift of the centre in frame pixels a frame.
        score: Mean peak score.
        first: Mean score of the first frame's models.
        frames: Number of sure frames.
    """

    appearance: Appearance
    models: list[TargetModel]
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    score: float = 0.8
    first: float = 0.8
    frames: int = 0

    def look(self, stage: StageOutput, box: Tensor) -> Tensor:
        """(D,) look of a (4,) box in cells."""
        return self.appearance.look(stage.features[0], box.view(1, 1, 4))[0, 0]

    def similarity(self, stages: list[StageOutput], cell: tuple[int, int], look: Tensor) -> Tensor:
        """(3,), of a (D,) look to the first one and to recent ones, and the first filters' score.

        That is at a cell (row, column), mean of the stages; they sample where the stage's own
        filter does.
        """
        scores = [_score_at(*pair, cell) for pair in zip(self.models, stages, strict=True)]
        first, recent = look @ self.appearance.first, look @ self.appearance.recent
        return torch.stack((first, recent, sum(scores) / len(scores)))

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
        """What speaks for a box.

        Args:
            place: The peak.
            iou: Predicted IoU of the box.
            similarity: (3,), of :meth:`similarity`.
            last: (4,), the last box, (x, y, width, height) in frame pixels.
            center: (2,), its (x, y) in frame pixels.
            size: (2,), its (width, height) in frame pixels.
            frames: Number of frames since the last box was found.
        """
        way = (center - center_of(last)) / frames - self.velocity
        return Evidence(
            score=place.score,
            level=place.score / max(self.score, LEAST_SCORE),
            second=max(place.second, 0.0) / max(place.score, LEAST_SCORE),
            iou=iou,
            first=float(similarity[2]) / max(self.first, LEAST_SCORE),
            similarity=float(similarity[0]),
            recent=float(similarity[1]),
            jump=float(np.linalg.norm(way) / np.sqrt(np.prod(last[2:]))),
            growth=float(np.abs(np.log(np.maximum(size, 1e-3) / last[2:])).sum()),
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
        self.first += rate * (evidence.first - 1) * self.first


def _score_at(model: TargetModel, stage: StageOutput, cell: tuple[int, int]) -> Tensor:
    """() score of a filter at one cell of a map, at the points of the stage's own one."""
    features = stage.features[0]
    rows, columns = features.shape[-2:]
    points = stage.points[0, 0, :, cell[0] * columns + cell[1]]
    y, x = points[0::2] + cell[0], points[1::2] + cell[1]
    # In half maps from the middle, a cell's area counted.
    grid = torch.stack(((2 * x + 1) / columns - 1, (2 * y + 1) / rows - 1), dim=-1)
    sampled = F.grid_sample(features, grid.view(1, 1, -1, 2), align_corners=False)
    return (sampled[0, :, 0] * model.filter[0]).sum()
