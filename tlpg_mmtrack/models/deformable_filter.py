# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The deformable filter f(x; w, o): where it samples, what it scores, the boxes it spans."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch
import torch.nn.functional as F
from mmcv.utils.ext_loader import check_ops_exist
from torch import Tensor, nn

from tlpg_mmtrack.compat.compiled_ops import MissingOperatorError
from tlpg_mmtrack.ops import (
    BilinearSampler,
    deformable_correlation,
    kernel_points,
    kernel_sampler,
    points_to_box,
    project,
    project_transpose,
    prroi_pool_boxes,
)
from tlpg_mmtrack.structures import TargetModel


def scale_gradient(value: Tensor, scale: float) -> Tensor:
    """The value itself; its gradient is multiplied by ``scale``."""
    if not value.requires_grad:
        return value
    return scale * value + (1 - scale) * value.detach()


@dataclass(frozen=True)
class OffsetField:
    """``V -> features * V``: a convolution with one kernel per sequence, and a constant input."""

    features: Tensor  #: (B, n, C, H, W), what the kernel sees in n frames of B sequences.
    kernel_size: int  #: Odd side k of the kernel.
    constant: float  #: The constant input beside the features.

    def apply(self, kernel: Tensor) -> Tensor:
        """Convolve, zero outside the map: (B*n, P, H*W).

        ``kernel`` is (B, C*k*k + 1, P): for each channel, row and column, then for the constant.
        """
        sequences, frames, channels, height, width = self.features.shape
        side = self.kernel_size
        with _without_tf32(self.features):
            # One group per sequence, so that each frame meets its own sequence's kernel.
            outputs = F.conv2d(
                self.features.transpose(0, 1).reshape(frames, -1, height, width),
                kernel[:, :-1].transpose(1, 2).reshape(-1, channels, side, side),
                (kernel[:, -1] * self.constant).flatten(),
                padding=side // 2,
                groups=sequences,
            )
        return outputs.view(frames, sequences, -1, height * width).transpose(0, 1).flatten(0, 1)

    def transpose(self, cotangent: Tensor) -> Tensor:
        """Transpose of :meth:`apply`: (B, C*k*k + 1, P) of (B*n, P, H*W)."""
        sequences, _, _, height, width = self.features.shape
        side = self.kernel_size
        padded = F.pad(self.features, [side // 2] * 4)
        taps = [
            project_transpose(padded[..., i : i + height, j : j + width], cotangent)
            for i in range(side)
            for j in range(side)
        ]
        constant = self.constant * cotangent.sum(-1).unflatten(0, (sequences, -1)).sum(1)
        kernel = torch.stack(taps, dim=2).flatten(1, 2)
        return torch.cat((kernel, constant.unsqueeze(1)), dim=1)


def _without_tf32(like: Tensor) -> AbstractContextManager:
    """Let cuDNN convolve in float32, else it is no transpose of the matrix products beside it."""
    if not like.is_cuda:
        return nullcontext()
    cudnn = torch.backends.cudnn
    kept = {name: getattr(cudnn, name) for name in ('enabled', 'benchmark', 'deterministic')}
    return cudnn.flags(**kept, allow_tf32=False)


class DeformableFilter(nn.Module):
    """What every target's deformable filter has in common; it has no parameters.

    Its arguments are those of :class:`DCCHead`, and ``gradient_scale`` of :class:`Learner`.

    Attributes:
        unit_grid: (2K,), the undisplaced points (dy, dx), in sizes of the grid.
        affine_moves: (4, 2K), the points' moves for a shift along x and y, a stretch along both.
        constant: The offset kernel's constant input, as large as a feature vector is on average.
    """

    def __init__(
        self,
        kernel_size: int,
        offset_kernel_size: int,
        offset_prior: str,
        gradient_scale: float,
        backend: str,
    ) -> None:
        super().__init__()
        if backend == 'mmcv' and not check_ops_exist():
            raise MissingOperatorError(
                "DCCHead: backend='mmcv' needs mmcv with compiled operators, and mmcv-lite is "
                'installed; set up the full flavour (`make setup MMCV=full`), or set '
                "backend='torch'"
            )
        self.kernel_size = kernel_size
        self.offset_kernel_size = offset_kernel_size
        self.offset_prior = offset_prior
        self.gradient_scale = gradient_scale
        self.backend = backend
        self.constant = 1.0 / kernel_size
        unit = kernel_points(kernel_size, dtype=torch.float32) / (kernel_size - 1)
        moves = torch.zeros(4, *unit.shape)
        moves[0, :, 1] = moves[1, :, 0] = 1
        moves[2, :, 1], moves[3, :, 0] = unit[:, 1], unit[:, 0]
        self.register_buffer('unit_grid', unit.flatten(), persistent=False)
        self.register_buffer('affine_moves', moves.flatten(1), persistent=False)

    def offset_kernel(self, model: TargetModel) -> Tensor:
        """V, (B, D, 2K)."""
        return model.affine @ self.affine_moves + model.free

    def offset_field(self, features: Tensor) -> OffsetField:
        """The offset kernel's convolution over (B, n, C, H, W) filter features."""
        return OffsetField(features, self.offset_kernel_size, self.constant)

    def descriptors(self, features: Tensor, cells: Tensor) -> Tensor:
        """What the offset kernel sees at given cells: their neighbourhoods and the constant.

        Of (N, C, H, W) features and (N, R) flat indices: (N, R, D), zeros outside the map.
        """
        side = self.offset_kernel_size
        columns = features.shape[-1]
        padded = F.pad(features, [side // 2] * 4)
        steps = torch.arange(side, device=features.device)
        corner = cells // columns * padded.shape[-1] + cells % columns
        index = corner.unsqueeze(-1) + (steps.view(-1, 1) * padded.shape[-1] + steps).flatten()
        index = index.flatten(1).unsqueeze(1).expand(-1, features.shape[1], -1)
        patches = padded.flatten(2).gather(2, index).unflatten(2, (cells.shape[1], -1))
        patches = patches.transpose(1, 2).flatten(2)
        constant = patches.new_full((*patches.shape[:2], 1), self.constant)
        return torch.cat((patches, constant), dim=-1)

    def pool(self, features: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Features around each sampling point of the undisplaced grid (section 3.5).

        (B, C, K), means over n frames of (B, n, C, H, W) features with (B, n, 4) boxes in cells,
        and (B, 2), the grid's (height, width) in cells.
        """
        extent = boxes[..., 2:] - boxes[..., :2]
        if self.offset_prior == 'template':
            size = extent[:, 0].flip(-1)
        else:
            size = torch.full_like(extent[:, 0], self.kernel_size - 1)
        half = (size.flip(-1) / 2 * self.kernel_size / (self.kernel_size - 1)).unsqueeze(1)
        centers = (boxes[..., :2] + boxes[..., 2:]) / 2
        regions = torch.cat((centers - half, centers + half), -1)
        pooled = prroi_pool_boxes(
            features.flatten(0, 1), regions.flatten(0, 1).unsqueeze(1), self.kernel_size
        )
        return pooled[:, 0].flatten(2).unflatten(0, features.shape[:2]).mean(dim=1), size

    def points(self, model: TargetModel, features: Tensor) -> Tensor:
        """(B*n, 2K, H*W), sampling points (dy, dx) relative to every cell, in cells."""
        points = self.offset_field(features).apply(self.offset_kernel(model))
        points = points + self.unit_grid.unsqueeze(-1)
        size = model.size.repeat(1, self.kernel_size**2).unsqueeze(-1)
        return points * size.repeat_interleave(features.shape[1], dim=0)

    def distances(self, points: Tensor, features: Tensor) -> Tensor:
        """(B, n, 4, H, W), the boxes (l, t, r, b) that :meth:`points` span, in cells."""
        return points_to_box(points).view(*features.shape[:2], 4, *features.shape[-2:])

    def sampler(self, points: Tensor, features: Tensor) -> BilinearSampler:
        """Where the filter samples, for B*n frames and all cells."""
        points = scale_gradient(points, self.gradient_scale)
        return kernel_sampler(points.unflatten(2, features.shape[-2:]))

    def scores(self, points: Tensor, features: Tensor, filters: Sequence[Tensor]) -> list[Tensor]:
        """(B, n, H, W) score maps of filters (B, C, K), all at the same points."""
        frames, size = features.shape[:2], features.shape[-2:]
        if self.backend == 'torch':
            sampler = self.sampler(points, features)
            values = (sampler.sample(project(features, weights)) for weights in filters)
            return [value.sum(dim=1).view(*frames, *size) for value in values]
        points = scale_gradient(points, self.gradient_scale)
        # The operator adds the regular grid of one cell's spacing to the offsets it is given.
        grid = kernel_points(self.kernel_size, device=points.device, dtype=points.dtype)
        offsets = (points - grid.flatten().unsqueeze(-1)).view(*frames, -1, *size)
        scores = []
        for weights in filters:
            weights = weights.unflatten(2, (self.kernel_size, self.kernel_size)).unsqueeze(1)
            sequences = map(
                partial(deformable_correlation, backend='mmcv'), features, weights, offsets
            )
            scores.append(torch.stack(tuple(sequences)).squeeze(2))
        return scores

    def course_scores(self, models: Sequence[TargetModel], features: Tensor) -> Tensor:
        """(I, B, n, H, W) score maps of I times B target models, each at its own points."""
        scores = []
        # Where the filter alone was learned, all iterates have the same points.
        for _, group in groupby(models, key=lambda model: id(model.affine)):
            same = list(group)
            points = self.points(same[0], features)
            scores += self.scores(points, features, [model.filter for model in same])
        return torch.stack(scores)
