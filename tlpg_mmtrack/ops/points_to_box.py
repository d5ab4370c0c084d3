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
    """Turn each cell's points into the distances to the sides of the tightest box around them.

    The gradient reaches the extreme points only, shared evenly among ties.

    Args:
        points: (N, 2K, ...) in the order ``(dy_0, dx_0, ...)``.

    Returns:
        (N, 4, ...) distances (l, t, r, b).

    Raises:
        ValueError: The shape is not (N, 2K, ...).
    """
    pairs = _as_pairs(points)
    return _as_distances(pairs.amin(dim=1), pairs.amax(dim=1))


class ExtremeWeights(NamedTuple):
    """Which points make the min-max box: its Jacobian in the points.

    Attributes:
        minimum: (N, K, 2, ...) share of each point's (y, x) in the smallest; they sum to 1
            over the points.
        maximum: The same for the largest.
    """

    minimum: Tensor
    maximum: Tensor


def extreme_weights(points: Tensor) -> ExtremeWeights:
    """Find the extreme points of every cell, ties sharing evenly.

    Args:
        points: (N, 2K, ...) in the order ``(dy_0, dx_0, ...)``.

    Returns:
        The shares, constants without a gradient.
    """
    pairs = _as_pairs(points.detach())
    minimum = (pairs == pairs.amin(dim=1, keepdim=True)).to(pairs.dtype)
    maximum = (pairs == pairs.amax(dim=1, keepdim=True)).to(pairs.dtype)
    return ExtremeWeights(
        minimum / minimum.sum(dim=1, keepdim=True), maximum / maximum.sum(dim=1, keepdim=True)
    )


def points_to_box_jvp(
    points: Tensor, tangent: Tensor, weights: ExtremeWeights | None = None
) -> Tensor:
    """Change of the min-max distances for a change of the points (J v).

    Args:
        points: (N, 2K, ...) where the derivative is taken.
        tangent: (N, 2K, ...) change of the points.
        weights: ``extreme_weights(points)`` where it is already known.

    Returns:
        (N, 4, ...) change of (l, t, r, b).
    """
    weights = extreme_weights(points) if weights is None else weights
    change = _as_pairs(tangent)
    return _as_distances(
        (weights.minimum * change).sum(dim=1), (weights.maximum * change).sum(dim=1)
    )


def points_to_box_vjp(
    points: Tensor, cotangent: Tensor, weights: ExtremeWeights | None = None
) -> Tensor:
    """Gradient in the points for a gradient in the min-max distances (J^T u).

    Args:
        points: (N, 2K, ...) where the derivative is taken.
        cotangent: (N, 4, ...) gradient in (l, t, r, b).
        weights: ``extreme_weights(points)`` where it is already known.

    Returns:
        (N, 2K, ...) gradient in the points.
    """
    weights = extreme_weights(points) if weights is None else weights
    left, top, right, bottom = _check_distances('cotangent', cotangent).unbind(1)
    lower = torch.stack((-top, -left), dim=1).unsqueeze(1)
    upper = torch.stack((bottom, right), dim=1).unsqueeze(1)
    return (weights.minimum * lower + weights.maximum * upper).flatten(1, 2)


def distances_to_boxes(distances: Tensor, centers: Tensor) -> Tensor:
    """Boxes from the distances of their sides to given centres.

    Args:
        distances: (N, 4, ...) distances (l, t, r, b), in the unit of ``centers``.
        centers: (N or 1, 2, ...) positions (x, y).

    Returns:
        (N, 4, ...) boxes (x1, y1, x2, y2).
    """
    _check_distances('distances', distances)
    return torch.cat((centers - distances[:, :2], centers + distances[:, 2:]), dim=1)


def _as_pairs(points: Tensor) -> Tensor:
    """View (N, 2K, ...) as (N, K, 2, ...)."""
    if points.dim() < 2 or points.shape[1] == 0 or points.shape[1] % 2:
        raise ValueError(
            f'points: expected shape (N, 2K, ...), got {tuple(points.shape)}; '
            'pass (dy_0, dx_0, dy_1, dx_1, ...) along dimension 1'
        )
    return points.unflatten(1, (-1, 2))


def _as_distances(lower: Tensor, upper: Tensor) -> Tensor:
    """(N, 4, ...) distances (l, t, r, b) from (N, 2, ...) extremes in the order (y, x)."""
    return torch.stack((-lower[:, 1], -lower[:, 0], upper[:, 1], upper[:, 0]), dim=1)


def _check_distances(name: str, values: Tensor) -> Tensor:
    """Return the values if they are (N, 4, ...), else raise under their name."""
    if values.dim() < 2 or values.shape[1] != 4:
        raise ValueError(f'{name}: expected shape (N, 4, ...), got {tuple(values.shape)}')
    return values
