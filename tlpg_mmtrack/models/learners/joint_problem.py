# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The full DCC: filter and offset kernel learned in one problem (eq. 3 to 6).

The scores are bilinear in the filter and the points. The prediction is what they are made of,
which is linear: the projected maps in the filter, the points in the offset kernel. Sampling the
ones at the others belongs to the residual.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tlpg_mmtrack.ops import kernel_sampler, project, project_transpose

from ..deformable_filter import OffsetField, scale_gradient
from .residual_problems import (
    Parameters,
    RegressionProblem,
    Residual,
    ResidualProblem,
    weighted_hinge,
)


@dataclass(eq=False)
class JointProblem(ResidualProblem):
    """Classification and regression in one residual, whose points both losses move.

    The three blocks of parameters are the filter (B, C, K) and the two kernels of
    :class:`RegressionProblem`. The residual is that of every cell's score, then that of every
    positive's box.

    With ``gradient_scale`` below 1 the Jacobian is not the residual's own: the share of the scores
    in the offset kernel's gradient is smaller. Where the boxes' share outweighs it, a step may
    raise the objective, and step control then refuses it.
    """

    features: Tensor  #: (B, n, C, H, W).
    labels: Tensor  #: (B, n, H, W) in [0, 1].
    weights: Tensor  #: (B, n, H, W) or broadcastable, weight of each squared residual.
    regression: RegressionProblem  #: The boxes' part.
    field: OffsetField  #: The offset kernel's convolution over ``features``.
    size: Tensor  #: (B, 2), (height, width) in cells of one unit of the points.
    gradient_scale: float = 0.1  #: Factor on the derivative of the scores in the points.

    @cached_property
    def unit(self) -> Tensor:
        """(B*n, 2K, 1), ``size`` for each coordinate of the points."""
        unit = self.size.repeat(1, self.regression.grid.shape[-1] // 2)
        return unit.repeat_interleave(self.features.shape[1], dim=0).unsqueeze(-1)

    @cached_property
    def grid(self) -> Tensor:
        """(B*n, 2K, 1), undisplaced points (dy, dx) in cells."""
        return self.unit * self.regression.grid.unsqueeze(-1)

    def predict(self, parameters: Parameters) -> Tensor:
        """Projected maps, displacements of all cells, and of the regression's, in a row (B, P)."""
        weight, affine, free = parameters
        return self._pack(
            project(self.features, weight),
            self.unit * self.field.apply(affine @ self.regression.affine + free),
            self.regression.predict((affine, free)),
        )

    def predict_transpose(self, cotangent: Tensor) -> Parameters:
        """Gradients of the three blocks."""
        maps, displacements, positives = self._unpack(cotangent)
        kernel = self.field.transpose(self.unit * displacements)
        affine, free = self.regression.predict_transpose(positives)
        return (
            project_transpose(self.features, maps),
            affine + kernel @ self.regression.affine.t(),
            free + kernel,
        )

    def residual(self, prediction: Tensor) -> Residual:
        """Hinge residuals of every cell, then the regression's, (B, n*H*W + M*4)."""
        maps, displacements, positives = self._unpack(prediction)
        points = self.grid + scale_gradient(displacements, self.gradient_scale)
        sampler = kernel_sampler(points.unflatten(2, self.labels.shape[2:]))
        scores = sampler.sample(maps).sum(dim=1).view_as(self.labels)
        # Change of each cell's score with its points, in their order (dy, dx).
        slopes = self.gradient_scale * torch.stack(sampler.derivative(maps), 2).flatten(1, 2)
        classified, score_jvp, score_vjp = weighted_hinge(scores, self.labels, self.roots)
        regressed, box_jvp, box_vjp = self.regression.residual(positives)
        count = classified.shape[1]

        def jvp(tangent: Tensor) -> Tensor:
            maps, displacements, positives = self._unpack(tangent)
            change = sampler.sample(maps).sum(dim=1) + (slopes * displacements).sum(dim=1)
            return torch.cat((score_jvp(change.view_as(scores)), box_jvp(positives)), dim=1)

        def vjp(cotangent: Tensor) -> Tensor:
            cells = score_vjp(cotangent[:, :count]).flatten(0, 1).flatten(1).unsqueeze(1)
            return self._pack(
                sampler.splat(cells.expand_as(maps)), slopes * cells, box_vjp(cotangent[:, count:])
            )

        return torch.cat((classified, regressed), dim=1), jvp, vjp

    def _pack(self, *parts: Tensor) -> Tensor:
        return torch.cat([part.reshape(len(self.labels), -1) for part in parts], dim=1)

    def _unpack(self, prediction: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps (B*n, K, H*W), displacements (B*n, 2K, H*W) and the regression's (B, M, 2K)."""
        _, frames, height, width = self.labels.shape
        coordinates = self.regression.grid.shape[-1]
        dense = frames * coordinates // 2 * height * width
        return (
            prediction[:, :dense].reshape(-1, coordinates // 2, height * width),
            prediction[:, dense : 3 * dense].reshape(-1, coordinates, height * width),
            prediction[:, 3 * dense :].unflatten(1, (-1, coordinates)),
        )
