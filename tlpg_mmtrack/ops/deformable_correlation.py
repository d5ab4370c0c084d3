# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Deformable correlation of a feature map with a one-channel filter (section 3.1, eq. 1).

``s(p) = sum_k w_k . x(p + p_k + d_k(p))`` with bilinear sampling, zero outside the map.

Projection over channels and bilinear sampling commute, so the filter is applied *first*: a 1x1
convolution to one map per kernel point, then one scalar sampling per point instead of one per
point and channel. This is exact, and each piece is a linear map whose transpose is as cheap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def kernel_points(kernel_size: int, **factory: torch.device | torch.dtype) -> Tensor:
    """(k ** 2, 2), offsets (dy, dx) of a k x k kernel's points from its centre, in cells.

    ``factory`` is the ``device`` and ``dtype`` of the result.
    """
    half = kernel_size // 2
    line = torch.arange(-half, half + 1, **factory)
    return torch.stack(torch.meshgrid(line, line, indexing='ij'), dim=-1).reshape(-1, 2)


# Cells of zeros around a map: enough for both neighbours of a position outside it.
_MARGIN = 2


@dataclass(frozen=True)
class BilinearSampler:
    """Bilinear sampling of scalar maps at fixed positions, as a linear operator.

    Built once for a set of positions and applied in every iteration over the filter.
    Differentiable (to any order) in the maps, and in the positions through the fractions. A margin
    of zeros around the maps stands for everything outside.
    """

    index: Tensor  #: (N, K, P) int64, flat, of upper left neighbours in the maps with margin.
    fractions: tuple[Tensor, Tensor]  #: Rows and columns past that neighbour, in cells.
    size: tuple[int, int]  #: (H, W) of the maps.

    @classmethod
    def at(cls, rows: Tensor, columns: Tensor, size: tuple[int, int]) -> BilinearSampler:
        """Prepare sampling of (H, W) maps at (N, K, P) rows and columns, in cells.

        A cell's centre is its index.
        """
        height, width = size
        # Far outside everything is zero alike, so the nearest such place will do.
        rows = rows.clamp(-_MARGIN, height)
        columns = columns.clamp(-_MARGIN, width)
        # A NaN position reads NaN (its fractions are), but it needs an index that exists.
        top, left = (line.detach().floor() for line in (rows, columns))
        top, left = (line.masked_fill(line.isnan(), -_MARGIN) for line in (top, left))
        row_length = width + 2 * _MARGIN
        # In whole numbers: half precision has none between two cells of a large map's last rows.
        index = (top.long() + _MARGIN) * row_length + (left.long() + _MARGIN)
        return cls(index, (rows - top, columns - left), size)

    def sample(self, maps: Tensor) -> Tensor:
        """(N, K, P) values of (N, K, H*W) maps at the positions."""
        top_left, top_right, bottom_left, bottom_right = self._neighbours(maps)
        fraction_y, fraction_x = self.fractions
        top = torch.lerp(top_left, top_right, fraction_x)
        bottom = torch.lerp(bottom_left, bottom_right, fraction_x)
        return torch.lerp(top, bottom, fraction_y)

    def derivative(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of :meth:`sample` in the row and the column coordinates, per cell."""
        top_left, top_right, bottom_left, bottom_right = self._neighbours(maps)
        fraction_y, fraction_x = self.fractions
        left, right = bottom_left - top_left, bottom_right - top_right
        top, bottom = top_right - top_left, bottom_right - bottom_left
        return torch.lerp(left, right, fraction_x), torch.lerp(top, bottom, fraction_y)

    def splat(self, values: Tensor) -> Tensor:
        """Transpose of :meth:`sample`: (N, K, H*W) maps to which (N, K, P) values are added."""
        height, width = (side + 2 * _MARGIN for side in self.size)
        fraction_y, fraction_x = self.fractions
        bottom = values * fraction_y
        top = values - bottom
        top_right, bottom_right = top * fraction_x, bottom * fraction_x
        shares = (top - top_right, top_right, bottom - bottom_right, bottom_right)
        maps = values.new_zeros(*values.shape[:2], height * width)
        for shifted, share in zip(self._shifted(maps), shares, strict=True):
            shifted.scatter_add_(2, self.index, share)
        inside = slice(_MARGIN, -_MARGIN)
        return maps.unflatten(2, (height, width))[..., inside, inside].flatten(2)

    def _neighbours(self, maps: Tensor) -> tuple[Tensor, ...]:
        """4 x (N, K, P), values of the four neighbours, row by row."""
        padded = F.pad(maps.unflatten(2, self.size), [_MARGIN] * 4).flatten(2)
        return tuple(shifted.gather(2, self.index) for shifted in self._shifted(padded))

    def _shifted(self, padded: Tensor) -> Iterator[Tensor]:
        """Views of maps with margin, (N, K, cells), in which ``index`` is each neighbour's.

        One at a time: autograd forbids to write into a view made before another one's writing.
        """
        row_length = self.size[1] + 2 * _MARGIN
        length = padded.shape[2] - row_length - 1
        for shift in (0, 1, row_length, row_length + 1):
            yield padded[..., shift : shift + length]


def kernel_sampler(points: Tensor) -> BilinearSampler:
    """Sampler for a kernel that visits every cell of a map, P = H*W, row by row.

    ``points`` are (N, 2*K, H, W), (dy, dx) per kernel point, relative to every cell, in cells.
    """
    height, width = points.shape[-2:]
    rows, columns = (
        torch.arange(length, device=points.device, dtype=points.dtype)
        for length in (height, width)
    )
    return BilinearSampler.at(
        (points[:, 0::2] + rows.view(-1, 1)).flatten(2),
        (points[:, 1::2] + columns).flatten(2),
        (height, width),
    )


def project(features: Tensor, weight: Tensor) -> Tensor:
    """Apply a filter's channel weights at every cell: one map per kernel point, (B*n, K, H*W).

    Of n frames of B sequences, (B, n, C, H, W), and one filter per sequence, (B, C, K).
    """
    return (weight.transpose(1, 2).unsqueeze(1) @ features.flatten(3)).flatten(0, 1)


def project_transpose(features: Tensor, maps: Tensor) -> Tensor:
    """Transpose of :func:`project` in the weight: (B, C, K), summed over the frames."""
    maps = maps.unflatten(0, features.shape[:2])
    # Not the other way round: with the narrow matrix first it is faster.
    return (maps @ features.flatten(3).transpose(2, 3)).sum(dim=1).transpose(1, 2)


def deformable_correlation(
    features: Tensor, weight: Tensor, offsets: Tensor, backend: str = 'torch'
) -> Tensor:
    """Correlate a feature map with one deformable filter (eq. 1).

    Args:
        features: (N, C, H, W).
        weight: (1, C, k, k), one output channel, k odd.
        offsets: (N, 2*k*k, H, W), (dy, dx) per point in cells, mmcv's order.
        backend: ``'torch'``, on any device, differentiable to any order; or ``'mmcv'``, mmcv's
            compiled ``deform_conv2d``.

    Returns:
        (N, 1, H, W) score map.

    Raises:
        ValueError: A shape does not fit or the backend is unknown.
    """
    if weight.dim() != 4 or weight.shape[0] != 1 or weight.shape[-1] % 2 == 0:
        raise ValueError(f'weight: expected (1, C, k, k) with odd k, got {tuple(weight.shape)}')
    expected = (features.shape[0], 2 * weight[0, 0].numel(), *features.shape[-2:])
    if tuple(offsets.shape) != expected:
        raise ValueError(f'offsets: expected {expected}, got {tuple(offsets.shape)}')
    if backend == 'mmcv':
        from mmcv.ops import deform_conv2d

        # mmcv refuses a batch that its step, 32 by default, does not divide, and channels last.
        step = max(step for step in range(1, 33) if len(features) % step == 0)
        features, offsets = features.contiguous(), offsets.contiguous()
        # By position: stride, padding, dilation, groups, offset groups, bias, step.
        padding = weight.shape[-1] // 2
        return deform_conv2d(features, offsets, weight, 1, padding, 1, 1, 1, False, step)
    if backend != 'torch':
        raise ValueError(f"backend: expected 'torch' or 'mmcv', got {backend!r}")
    maps = project(features.unsqueeze(0), weight.flatten(2))
    grid = kernel_points(weight.shape[-1], device=offsets.device, dtype=offsets.dtype)
    sampler = kernel_sampler(offsets + grid.view(-1, 1, 1))
    return sampler.sample(maps).sum(dim=1).view(-1, 1, *features.shape[-2:])
