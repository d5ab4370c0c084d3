# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Deformable correlation of a feature map with a one-channel filter (section 3.1, eq. 1).

``s(p) = sum_k w_k . x(p + p_k + d_k(p))`` with bilinear sampling, zero outside the map.

Projection over channels and bilinear sampling commute, so the filter is applied *first*: a 1x1
convolution to one map per kernel point, then one scalar sampling per point instead of one per
point and channel. This is exact, and each piece is a linear map whose transpose is as cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def kernel_points(kernel_size: int, **factory: torch.device | torch.dtype) -> Tensor:
    """Offsets of a square kernel's points from its centre, in cells, row by row.

    Args:
        kernel_size: Odd side of the kernel.
        **factory: ``device`` and ``dtype`` of the result.

    Returns:
        (kernel_size ** 2, 2), (dy, dx) per point.
    """
    half = kernel_size // 2
    line = torch.arange(-half, half + 1, **factory)
    return torch.stack(torch.meshgrid(line, line, indexing='ij'), dim=-1).reshape(-1, 2)


@dataclass(frozen=True)
class BilinearSampler:
    """Bilinear sampling of scalar maps at fixed positions, as a linear operator.

    Built once for a set of positions and applied many times: the inner iterations of an
    optimiser over the filter reuse one sampler. Differentiable (to any order) in the maps, and in
    the positions through the weights.

    Attributes:
        indices: 4 x (N, K, P) int64, flat index of each neighbour, clamped to the map.
        inside: 4 x (N, K, P), 1 where the neighbour is inside the map, else 0.
        weights: 4 x (N, K, P), bilinear weight of each neighbour, 0 outside the map.
        fractions: Two (N, K, P), the positions' rows and columns past their upper left neighbour.
        size: (H, W) of the maps.
    """

    indices: tuple[Tensor, ...]
    inside: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    fractions: tuple[Tensor, Tensor]
    size: tuple[int, int]

    @classmethod
    def at(cls, rows: Tensor, columns: Tensor, size: tuple[int, int]) -> BilinearSampler:
        """Prepare sampling at absolute positions.

        Args:
            rows: (N, K, P) row coordinates in cells; a cell's centre is its index.
            columns: (N, K, P) column coordinates in cells.
            size: (H, W) of the maps to sample.
        """
        height, width = size
        # Far outside everything is zero alike; the clamp keeps the integer conversion defined.
        rows = rows.clamp(-2.0, height + 1.0)
        columns = columns.clamp(-2.0, width + 1.0)
        # A NaN position reads NaN (its weights are), but it needs an index that exists.
        top, left = (line.detach().floor().nan_to_num(-2.0) for line in (rows, columns))
        fraction_y, fraction_x = rows - top, columns - left
        indices, insides, weights = [], [], []
        for row, weight_y in ((top, 1 - fraction_y), (top + 1, fraction_y)):
            row_inside = (row >= 0) & (row <= height - 1)
            row = row.clamp(0, height - 1) * width
            for column, weight_x in ((left, 1 - fraction_x), (left + 1, fraction_x)):
                inside = row_inside & (column >= 0) & (column <= width - 1)
                inside = inside.to(rows.dtype)
                indices.append((row + column.clamp(0, width - 1)).long())
                insides.append(inside)
                weights.append(weight_y * weight_x * inside)
        return cls(tuple(indices), tuple(insides), tuple(weights), (fraction_y, fraction_x), size)

    def sample(self, maps: Tensor) -> Tensor:
        """Values of the maps at the positions.

        Args:
            maps: (N, K, H*W).

        Returns:
            (N, K, P).
        """
        return sum(
            maps.gather(2, index) * weight
            for index, weight in zip(self.indices, self.weights, strict=True)
        )

    def derivative(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of :meth:`sample` in the row and the column coordinates.

        Args:
            maps: (N, K, H*W).

        Returns:
            Two (N, K, P), per cell of displacement.
        """
        top_left, top_right, bottom_left, bottom_right = (
            maps.gather(2, index) * inside
            for index, inside in zip(self.indices, self.inside, strict=True)
        )
        fraction_y, fraction_x = self.fractions
        left, right = bottom_left - top_left, bottom_right - top_right
        top, bottom = top_right - top_left, bottom_right - bottom_left
        return torch.lerp(left, right, fraction_x), torch.lerp(top, bottom, fraction_y)

    def splat(self, values: Tensor) -> Tensor:
        """Transpose of :meth:`sample`: add values back into the maps they would be read from.

        Args:
            values: (N, K, P).

        Returns:
            (N, K, H*W).
        """
        height, width = self.size
        maps = values.new_zeros(*values.shape[:2], height * width)
        for index, weight in zip(self.indices, self.weights, strict=True):
            maps = maps.scatter_add(2, index, weight * values)
        return maps


def kernel_sampler(
    offsets: Tensor, size: tuple[int, int], points: Tensor | None = None
) -> BilinearSampler:
    """Sampler for a kernel that visits every cell of a map, displaced by an offset field.

    Args:
        offsets: (N, 2*K, H, W), (dy, dx) per kernel point in cells, mmcv's order.
        size: (H, W) of the maps to sample.
        points: (K, 2) undisplaced points, (dy, dx) in cells; a square kernel's by default.

    Returns:
        A sampler whose P positions are the H*W cells, row by row.
    """
    batch, channels, height, width = offsets.shape
    count = channels // 2
    if points is None:
        points = kernel_points(round(count**0.5), device=offsets.device, dtype=offsets.dtype)
    rows = torch.arange(height, device=offsets.device, dtype=offsets.dtype)
    columns = torch.arange(width, device=offsets.device, dtype=offsets.dtype)
    displaced = offsets.view(batch, count, 2, height, width) + points.view(count, 2, 1, 1)
    return BilinearSampler.at(
        (displaced[:, :, 0] + rows.view(-1, 1)).flatten(2),
        (displaced[:, :, 1] + columns).flatten(2),
        size,
    )


def project(features: Tensor, weight: Tensor) -> Tensor:
    """Apply a filter's channel weights at every cell: one map per kernel point.

    Args:
        features: (B, n, C, H, W), n frames of B sequences.
        weight: (B, C, K), one filter per sequence.

    Returns:
        (B*n, K, H*W).
    """
    maps = weight.transpose(1, 2).unsqueeze(1) @ features.flatten(3)
    return maps.flatten(0, 1)


def project_transpose(features: Tensor, maps: Tensor) -> Tensor:
    """Transpose of :func:`project` in the weight: correlate the features with the maps.

    Args:
        features: (B, n, C, H, W).
        maps: (B*n, K, H*W).

    Returns:
        (B, C, K), summed over the frames.
    """
    sequences, frames = features.shape[:2]
    maps = maps.view(sequences, frames, *maps.shape[1:])
    return (features.flatten(3) @ maps.transpose(2, 3)).sum(dim=1)


def deformable_correlation(
    features: Tensor, weight: Tensor, offsets: Tensor, backend: str = 'torch'
) -> Tensor:
    """Correlate a feature map with one deformable filter (eq. 1).

    Args:
        features: (N, C, H, W).
        weight: (1, C, k, k), one output channel, k odd.
        offsets: (N, 2*k*k, H, W), (dy, dx) per point in cells, mmcv's order.
        backend: ``'torch'``, project then sample, on any device, differentiable to any order; or
            ``'mmcv'``, mmcv's compiled ``deform_conv2d``.

    Returns:
        (N, 1, H, W) score map.

    Raises:
        ValueError: When a shape does not fit or the backend is unknown.
    """
    if weight.dim() != 4 or weight.shape[0] != 1 or weight.shape[-1] % 2 == 0:
        raise ValueError(f'weight: expected (1, C, k, k) with odd k, got {tuple(weight.shape)}')
    if features.shape[1] != weight.shape[1]:
        raise ValueError(
            f'weight: has {weight.shape[1]} channels but features have {features.shape[1]}'
        )
    expected = (features.shape[0], 2 * weight[0, 0].numel(), *features.shape[-2:])
    if tuple(offsets.shape) != expected:
        raise ValueError(f'offsets: expected {expected}, got {tuple(offsets.shape)}')
    if backend == 'mmcv':
        from mmcv.ops import deform_conv2d

        # mmcv refuses a batch that its step, 32 by default, does not divide.
        step = max(step for step in range(1, 33) if len(features) % step == 0)
        # By position: stride, padding, dilation, groups, offset groups, bias, step.
        padding = weight.shape[-1] // 2
        return deform_conv2d(features, offsets, weight, 1, padding, 1, 1, 1, False, step)
    if backend != 'torch':
        raise ValueError(f"backend: expected 'torch' or 'mmcv', got {backend!r}")
    maps = project(features.unsqueeze(0), weight.flatten(2))
    sampler = kernel_sampler(offsets, tuple(features.shape[-2:]))
    scores = sampler.sample(maps).sum(dim=1)
    return scores.view(-1, 1, *features.shape[-2:])
