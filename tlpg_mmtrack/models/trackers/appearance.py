# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the target looks like, against its own surroundings in the first frame."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...ops import prroi_pool_boxes

BINS = 3
RIDGE = 0.1  #: Added to the covariance, as a share of its mean variance.
LEAST_VARIANCE = 1e-8  #: Added too, for crops without any; a map's mean square is about 1e-4.
RATE = 0.02  #: Share of a sure frame in the recent looks.


class Appearance:
    """Looks of a target: pooled features, whitened by those of the first frame's crops.

    Whitened, what all of the scene has in common does not count (as in linear discriminant
    analysis): the cosine of two looks tells the target from its surroundings. Made of the (n, C,
    H, W) filter features of the first frame's crops, and the target's (n, 4) boxes in them,
    (x1, y1, x2, y2) in cells.

    Attributes:
        first: (D,), unit vector, the target in the first frame.
        recent: (D,), unit vector, the target in sure frames, which fade slowly.
    """

    def __init__(self, features: Tensor, boxes: Tensor) -> None:
        cells = features.transpose(0, 1).flatten(1)
        self._mean = cells.mean(dim=1)
        covariance = torch.cov(cells)
        unit = torch.eye(len(cells), dtype=cells.dtype, device=cells.device)
        covariance += (RIDGE * covariance.diagonal().mean() + LEAST_VARIANCE) * unit
        # The rows of the inverse of L whiten, where L L' is the covariance. Neither call raises
        # where features are not finite: what they then give is never the target.
        lower = torch.linalg.cholesky_ex(covariance).L
        self._whitening = torch.linalg.solve_triangular(lower, unit, upper=False)
        looks = self.look(features, boxes[:, None])[:, 0]
        self.first = F.normalize(looks.mean(dim=0), dim=0)
        self.recent = self.first

    def look(self, features: Tensor, boxes: Tensor) -> Tensor:
        """(N, R, D) unit vectors of (N, R, 4) boxes in cells of (N, C, H, W) filter features."""
        pooled = prroi_pool_boxes(features, boxes, BINS).flatten(3) - self._mean[:, None]
        return F.normalize((self._whitening @ pooled).flatten(2), dim=2)

    def similarity(self, look: Tensor) -> Tensor:
        """(2,), cosines of a (D,) look with the first one and with the recent ones."""
        return torch.stack((look @ self.first, look @ self.recent))

    def learn(self, look: Tensor) -> None:
        """Take a (D,) look of a sure frame into the recent ones."""
        self.recent = F.normalize(self.recent + RATE * (look - self.recent), dim=0)
