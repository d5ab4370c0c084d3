# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The function Gamma from a filter's sampling points to a proposal box (section 3.2, eq. 2 ff.).

The K points of a deformable filter at a cell are stored in mmcv's order along dimension 1,
``(dy_0, dx_0, dy_1, dx_1, ...)``: grid position plus learned offset, relative to the cell's
centre. A proposal is the four distances ``(l, t, r, b)`` from that centre to the box's sides, in
the unit of the points. Dimension 1 is the coordinate everywhere; any dimensions may follow it:
(N, 2K, H, W) for a dense map, (M, 2K) for M single cells.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def points_to_box(points: Tensor) -> Tensor:
    """Distances (l, t, r, b), (N, 4, ...), to the tightest box around each cell's points.

    The gradient reaches the extreme points only, shared evenly among ties.
    """
    pairs = _as_pairs(points)
    return _as_distances(pairs.amin(dim=1), pairs.amax(dim=1))


class ExtremeWeights(NamedTuple):
    """Which points make the min-max box: the Jacobian of :func:`points_to_box`."""

    minimum: Tensor  #: (N, K, 2, ...) share of each point's (y, x) in the smallest; the sum is 1.
    maximum: Tensor  #: The same for the largest.

    def jvp(self, tangent: Tensor) -> Tensor:
        """Change of (l, t, r, b), (N, 4, ...), for a change of the points, (N, 2K, ...)."""
        change = _as_pairs(tangent)
        return _as_distances((self.minimum * change).sum(1), (self.maximum * change).sum(1))

    def vjp(self, cotangent: Tensor) -> Tensor:
        """Gradient in the points, (N, 2K, ...), for one in (l, t, r, b), (N, 4, ...)."""
        left, top, right, bottom = cotangent.unbind(1)
        lower = torch.stack((-top, -left), dim=1).unsqueeze(1)
        upper = torch.stack((bottom, right), dim=1).unsqueeze(1)
        return (self.minimum * lower + self.maximum * upper).flatten(1, 2)


def extreme_weights(points: Tensor) -> ExtremeWeights:
    """Find the extreme points of every cell, ties sharing evenly; without a gradient."""
    pairs = _as_pairs(points.detach())
    extremes = (
        (pairs == find(pairs, dim=1, keepdim=True)).to(pairs.dtype)
        for find in (torch.amin, torch.amax)
    )
    return ExtremeWeights(*(extreme / extreme.sum(dim=1, keepdim=True) for extreme in extremes))


def distances_to_boxes(distances: Tensor, centers: Tensor) -> Tensor:
    """Boxes (x1, y1, x2, y2), (N, 4, ...), from their sides' distances (l, t, r, b) to centres.

    The centres (x, y), (N or 1, 2, ...), and the distances are in one unit.
    """
    return torch.cat((centers - distances[:, :2], centers + distances[:, 2:]), dim=1)


def _as_pairs(points: Tensor) -> Tensor:
    """View (N, 2K, ...) as (N, K, 2, ...)."""
    return points.unflatten(1, (-1, 2))


def _as_distances(lower: Tensor, upper: Tensor) -> Tensor:
    """(N, 4, ...) distances (l, t, r, b) from (N, 2, ...) extremes in the order (y, x)."""
    return torch.stack((-lower[:, 1], -lower[:, 0], upper[:, 1], upper[:, 0]), dim=1)
