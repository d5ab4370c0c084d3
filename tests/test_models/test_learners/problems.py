# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Random residual problems in double precision, for the tests of this folder."""

from __future__ import annotations

import torch
from torch import Tensor

from tlpg_mmtrack.models.deformable_filter import OffsetField
from tlpg_mmtrack.models.label_assignment import gaussian_labels
from tlpg_mmtrack.models.learners import (
    FilterProblem,
    JointProblem,
    Parameters,
    RegressionProblem,
    plain_sampler,
)
from tlpg_mmtrack.ops import kernel_points, kernel_sampler


def generator_of(seed: int) -> torch.Generator:
    """A generator with a seed."""
    return torch.Generator().manual_seed(seed)


def draw_filter_problem(
    seed: int,
    displaced: bool = False,
    linear: bool = False,
    channels: int = 4,
    side: int = 7,
    kernel: int = 3,
) -> tuple[FilterProblem, Parameters]:
    """Two sequences of three frames, and a random filter for each.

    Args:
        seed: Seed of everything drawn.
        displaced: Whether the filter's points are moved, by a cell or so.
        linear: Whether every label is 1, which makes the residual linear in the filter.
        channels: Channels of the features.
        side: Side of the maps in cells.
        kernel: Side of the filter.
    """
    generator = generator_of(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    features = draw(2, 3, channels, side, side) / kernel
    centers = side / 2 + 0.7 * draw(2, 3, 2)
    labels = gaussian_labels(torch.cat((centers - 1.5, centers + 1.5), -1), (side, side))
    if linear:
        labels = torch.ones_like(labels)
    weights = torch.rand(2, 3, 1, 1, generator=generator, dtype=torch.float64)
    sampler = plain_sampler(features, kernel)
    if displaced:
        grid = kernel_points(kernel, dtype=torch.float64).view(-1, 1, 1)
        sampler = kernel_sampler(grid + draw(6, 2 * kernel**2, side, side))
    problem = FilterProblem(features, labels, weights.expand_as(labels), sampler)
    return problem, (draw(2, channels, kernel**2) / kernel,)


def draw_regression_problem(
    seed: int, tied: bool = False, cells: int = 10, depth: int = 6
) -> tuple[RegressionProblem, Parameters]:
    """Two sequences of a few cells each, and random offset kernels.

    Args:
        seed: Seed of everything drawn.
        tied: Whether the points form a regular grid, whose sides are made by three points each.
        cells: Number of cells, two of them of no weight.
        depth: Length of the descriptors.
    """
    generator = generator_of(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    unit = kernel_points(3, dtype=torch.float64) / 2
    zero, one = torch.zeros(9, dtype=torch.float64), torch.ones(9, dtype=torch.float64)
    moves = ((zero, one), (one, zero), (zero, unit[:, 1]), (unit[:, 0], zero))
    weights = torch.rand(2, cells, generator=generator, dtype=torch.float64)
    weights[:, :2] = 0
    problem = RegressionProblem(
        descriptors=draw(2, cells, depth) / depth**0.5,
        targets=0.5 + 0.2 * draw(2, cells, 4),
        weights=(weights / weights.sum(dim=1, keepdim=True)).unsqueeze(-1),
        grid=unit.flatten().unsqueeze(0),
        affine=torch.stack([torch.stack(move, -1).flatten() for move in moves]),
    )
    free = torch.zeros(2, depth, 18, dtype=torch.float64) if tied else 0.1 * draw(2, depth, 18)
    return problem, (0.1 * draw(2, depth, 4), free)


def draw_joint_problem(
    seed: int, gradient_scale: float = 1.0, channels: int = 3, side: int = 6, distractor: float = 0
) -> tuple[JointProblem, Parameters]:
    """Two sequences of three frames, a filter of 3x3 points, and an offset kernel of 3x3 cells.

    Args:
        seed: Seed of everything drawn.
        gradient_scale: Factor on the derivative of the scores in the points.
        channels: Channels of the features.
        side: Side of the maps in cells.
        distractor: How much of the target's look another place in every frame has, 0 to 1.
    """
    generator = generator_of(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    filters, _ = draw_filter_problem(seed, channels=channels, side=side)
    regression, (affine, free) = draw_regression_problem(seed, depth=9 * channels + 1)
    features = filters.features
    if distractor:
        look = draw(2, 1, channels)
        peak = filters.labels.flatten(2).argmax(2)
        cells = features.flatten(3)
        for place, share in ((peak, 1.0), ((peak + side**2 // 2) % side**2, distractor)):
            index = place[..., None, None].expand(-1, -1, channels, 1)
            cells = cells.scatter_add(3, index, share * look.expand(2, 3, -1).unsqueeze(-1))
        features = cells.view_as(features)
    problem = JointProblem(
        features=features,
        labels=filters.labels,
        weights=filters.roots**2,
        regression=regression,
        field=OffsetField(features, kernel_size=3, constant=0.5),
        size=2 + torch.rand(2, 2, generator=generator, dtype=torch.float64),
        gradient_scale=gradient_scale,
    )
    return problem, (draw(2, channels, 9) / 3, affine, free)
