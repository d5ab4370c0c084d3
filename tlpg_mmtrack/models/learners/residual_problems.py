# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the target model's optimiser minimises (section 3.2, eq. 3 to 6).

A problem's residual is a fixed function of a *prediction* that is linear in the parameters: the
scores of a filter, or the points of an offset kernel. So one iteration needs the linear map once
and its transpose once, and moving along a search direction costs no further correlation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tlpg_mmtrack.ops import (
    BilinearSampler,
    extreme_weights,
    kernel_points,
    kernel_sampler,
    points_to_box,
    project,
    project_transpose,
)

from ..deformable_filter import OffsetField, scale_gradient
from ..losses import hinge_residual

#: Blocks of parameters, each with the leading dimension B (sequences).
Parameters = tuple[Tensor, ...]

#: A residual (B, M), with the product and the transposed product of its Jacobian.
Residual = tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]

#: Points this close (in target sizes) to an extreme share its gradient: rounding must not pick one
#: of them at random, since moving one alone changes nothing.
TIE_TOLERANCE = 1e-3


@dataclass(eq=False)
class Evaluation:
    """A problem's residual at some parameters, and its Jacobian."""

    problem: ResidualProblem
    parameters: Parameters
    prediction: Tensor  #: The problem's at these parameters.

    def __post_init__(self) -> None:
        self.residual, self._jvp, self._vjp = self.problem.residual(self.prediction)

    def vjp(self, cotangent: Tensor) -> Parameters:
        """``J^T u`` for u of shape (B, M)."""
        return self.problem.predict_transpose(self._vjp(cotangent))

    def line(self, direction: Parameters) -> Line:
        """The problem along a line through this point."""
        change = self.problem.predict(direction)
        return Line(self, direction, change, self._jvp(change))


@dataclass(frozen=True)
class Line:
    """A problem along ``start.parameters + step * direction``."""

    start: Evaluation  #: Evaluation at step 0.
    direction: Parameters  #: One block per block of parameters.
    change: Tensor  #: The prediction's change per unit step.
    tangent: Tensor  #: ``J direction``, (B, M).

    def at(self, step: Tensor) -> Evaluation:
        """Evaluate at a step length per sequence, (B,); 0 is the start, whatever the direction."""

        def advance(value: Tensor, change: Tensor) -> Tensor:
            length = step.view(-1, *[1] * (change.dim() - 1))
            # 0 times what is not finite is NaN.
            return value + length * change.masked_fill(length == 0, 0)

        return Evaluation(
            self.start.problem,
            tuple(map(advance, self.start.parameters, self.direction)),
            advance(self.start.prediction, self.change),
        )


class ResidualProblem(ABC):
    """A nonlinear least-squares problem whose prediction is linear in its parameters."""

    weights: Tensor  #: Of the squared residuals.

    @cached_property
    def roots(self) -> Tensor:
        """Factors of the residuals."""
        return self.weights.clamp(min=0).sqrt()

    def evaluate(self, parameters: Parameters, prediction: Tensor | None = None) -> Evaluation:
        """Residual and Jacobian at the given parameters, whose prediction may be known."""
        if prediction is None:
            prediction = self.predict(parameters)
        return Evaluation(self, parameters, prediction)

    @abstractmethod
    def predict(self, parameters: Parameters) -> Tensor:
        """The linear prediction, leading dimension B; constant terms belong to the residual."""

    @abstractmethod
    def predict_transpose(self, cotangent: Tensor) -> Parameters:
        """Transpose of :meth:`predict`."""

    @abstractmethod
    def residual(self, prediction: Tensor) -> Residual:
        """What is squared, of a prediction."""


def weighted_hinge(scores: Tensor, labels: Tensor, roots: Tensor) -> Residual:
    """Residuals of eq. 6, times ``roots``, with their Jacobian in the scores; all (B, n, H, W)."""
    slope = roots * (labels + (1 - labels) * (scores > 0).to(scores.dtype))
    residual = roots * hinge_residual(scores, labels)
    return (
        residual.flatten(1),
        lambda tangent: (slope * tangent).flatten(1),
        lambda cotangent: slope * cotangent.view_as(slope),
    )


def plain_sampler(features: Tensor, kernel_size: int) -> BilinearSampler:
    """Sampler of an undeformed kernel for (B, n, C, H, W) features."""
    points = kernel_points(kernel_size, device=features.device, dtype=features.dtype)
    frames = features.shape[0] * features.shape[1]
    return kernel_sampler(points.view(1, -1, 1, 1).expand(frames, -1, *features.shape[-2:]))


@dataclass(eq=False)
class FilterProblem(ResidualProblem):
    """Classification by a filter (B, C, K) whose sampling points are fixed (eq. 3 and 6).

    With a plain grid it is the paper's RC, with displaced points DC.
    """

    features: Tensor  #: (B, n, C, H, W).
    labels: Tensor  #: (B, n, H, W) in [0, 1].
    weights: Tensor  #: (B, n, H, W) or broadcastable, weight of each squared residual.
    sampler: BilinearSampler  #: Where the filter samples, for B*n frames and all H*W cells.

    def predict(self, parameters: Parameters) -> Tensor:
        """Scores (B, n, H, W)."""
        values = self.sampler.sample(project(self.features, parameters[0]))
        return values.sum(dim=1).view_as(self.labels)

    def predict_transpose(self, cotangent: Tensor) -> Parameters:
        """Gradient of the filter, ((B, C, K),)."""
        points = self.sampler.index.shape[1]
        values = cotangent.flatten(0, 1).flatten(1).unsqueeze(1).expand(-1, points, -1)
        return (project_transpose(self.features, self.sampler.splat(values)),)

    def residual(self, prediction: Tensor) -> Residual:
        """The hinge residual of every cell, (B, n*H*W)."""
        return weighted_hinge(prediction, self.labels, self.roots)


@dataclass(eq=False)
class RegressionProblem(ResidualProblem):
    """Proposal boxes from the points of an offset kernel (eq. 4 and 5).

    The two blocks of parameters are an affine kernel (B, D, 4), which shifts and scales the grid
    of points as a whole, and a free kernel (B, D, 2K), which moves every point by itself. Their
    sum is the offset kernel V. Points, boxes and targets are in units of the target's size.
    """

    descriptors: Tensor  #: (B, M, D), the features that the offset kernel sees at M cells.
    targets: Tensor  #: (B, M, 4), distances (l, t, r, b) to the true box (eq. 5).
    weights: Tensor  #: (B, M, 1), weight of each cell; 0 for one that is not positive.
    grid: Tensor  #: (B, 2K), undisplaced points (dy, dx).
    affine: Tensor  #: (4, 2K), the points' moves for the four affine coordinates.
    beta: float = 0.1  #: Where smooth L1 turns from quadratic to linear, in target sizes.

    def predict(self, parameters: Parameters) -> Tensor:
        """Displacements (B, M, 2K) of the points of every cell."""
        affine, free = parameters
        return self.descriptors @ affine @ self.affine + self.descriptors @ free

    def predict_transpose(self, cotangent: Tensor) -> Parameters:
        """Gradients of the two kernels, ((B, D, 4), (B, D, 2K))."""
        free = self.descriptors.transpose(1, 2) @ cotangent
        return free @ self.affine.t(), free

    def points(self, prediction: Tensor) -> Tensor:
        """(B*M, 2K), where the points are."""
        return (prediction + self.grid.unsqueeze(1)).flatten(0, 1)

    def boxes(self, prediction: Tensor) -> Tensor:
        """The proposals (l, t, r, b), (B, M, 4)."""
        return points_to_box(self.points(prediction)).view_as(self.targets)

    def residual(self, prediction: Tensor) -> Residual:
        """Signed root of twice smooth L1, for every side of every cell's box, (B, M*4).

        Its square is twice smooth L1 exactly, so that least squares minimises smooth L1.
        """
        extremes = extreme_weights((self.points(prediction) / TIE_TOLERANCE).round())
        error = self.boxes(prediction) - self.targets
        size = error.abs()
        # Beyond beta sqrt(2 * (|e| - beta / 2)); the clamp keeps the unused branch's slope finite.
        root = (2 * size - self.beta).clamp(min=self.beta).sqrt()
        linear = size > self.beta
        residual = torch.where(linear, error.sign() * root, error / self.beta**0.5)
        slope = self.roots * torch.where(linear, 1 / root, self.beta**-0.5)

        def jvp(tangent: Tensor) -> Tensor:
            change = extremes.jvp(tangent.flatten(0, 1))
            return (slope * change.view_as(slope)).flatten(1)

        def vjp(cotangent: Tensor) -> Tensor:
            sides = (slope * cotangent.view_as(slope)).flatten(0, 1)
            return extremes.vjp(sides).view_as(prediction)

        return (self.roots * residual).flatten(1), jvp, vjp


@dataclass(eq=False)
class JointProblem(ResidualProblem):
    """The full DCC: classification and regression in one residual (eq. 3 to 6).

    The three blocks of parameters are the filter (B, C, K) and the two kernels of
    :class:`RegressionProblem`. The scores are bilinear in the filter and the points. The
    prediction is what they are made of, which is linear: the projected maps in the filter, the
    points in the offset kernel. Sampling the ones at the others belongs to the residual, which is
    that of every cell's score, then that of every positive's box.

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
