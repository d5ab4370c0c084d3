# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Steepest descent with a Gauss-Newton step length: the optimiser module P of the paper.

Section 3.5 takes DiMP's. For the objective

    L(theta) = ||r(theta)||^2 + sum_b lambda_b^2 ||theta_b||^2

one iteration is

    g     = J^T r + lambda^2 theta
    alpha = ||g||^2 / (||J g||^2 + lambda^2 ||g||^2)
    theta <- theta - exp(log_step) * alpha * g

with ``J`` the Jacobian of the residual, which a
:class:`~tlpg_mmtrack.models.learners.residual_problems.ResidualProblem` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.structures import CellGrid
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, Natural, Positive, checked

from ..label_assignment import gaussian_labels
from ..numerics import at_least_float32, in_full_precision
from .residual_problems import (
    Evaluation,
    FilterProblem,
    Line,
    Parameters,
    ResidualProblem,
    plain_sampler,
)


@dataclass(frozen=True)
class Minimisation:
    """The course of one minimisation."""

    iterates: list[Parameters]  #: Parameters at the start and after every iteration.
    objectives: list[Tensor]  #: Objective at each of ``iterates``, each (B,).
    prediction: Tensor  #: The problem's linear prediction at the last iterate.

    @property
    def parameters(self) -> Parameters:
        return self.iterates[-1]


def _squared_norms(blocks: Parameters) -> Tensor:
    """Of every block, (blocks, B)."""
    return torch.stack([block.flatten(1).square().sum(1) for block in blocks])


@MODELS.register_module()
class SDOptimizer(BaseModule):
    """Unrolled, differentiable steepest descent over a residual problem.

    The Gauss-Newton step is exact for linear residuals. Where it overshoots (the hinge's kink, a
    change of the extreme points) it is halved up to ``max_halvings`` times, and the best of these
    is taken, or none where all would raise the objective or make it not finite.

    :meth:`forward` fills mmtrack's slot ``PrDiMPClsHead(filter_optimizer=...)``.

    Args:
        num_iters: Iterations in that slot when the caller names none.
        max_halvings: How often a step is halved at most.
        init_step: Initial factor on the Gauss-Newton step; its logarithm is learned.
        init_regularisation: Initial lambda of each block of parameters; learned. A problem of
            fewer blocks, such as the filter alone, takes the first ones.
        feat_stride: Crop pixels per cell in mmtrack's slot.
        cell_offset: Crop pixel of the centre of cell 0 there: half a cell, or 0 for upstream's
            classifier, whose reading of the score map is half a cell off.
    """

    @checked
    def __init__(
        self,
        num_iters: Natural = 5,
        max_halvings: Natural = 3,
        init_step: Positive = 1.0,
        init_regularisation: Sequence[Positive] = (0.1,),
        feat_stride: Count = 16,
        cell_offset: float = 0.0,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_iters = num_iters
        self.max_halvings = max_halvings
        self.feat_stride = feat_stride
        self.cell_offset = cell_offset
        self.log_step = nn.Parameter(torch.tensor(init_step).log())
        self.log_regularisation = nn.Parameter(torch.tensor(init_regularisation).log())

    def objective(self, evaluation: Evaluation) -> Tensor:
        """Value of the objective for each sequence, (B,)."""
        norms = _squared_norms(evaluation.parameters)
        return evaluation.residual.square().sum(1) + self._squared_lambdas(len(norms)) @ norms

    def _squared_lambdas(self, blocks: int) -> Tensor:
        return (2 * self.log_regularisation[:blocks]).exp()

    def minimise(
        self,
        problem: ResidualProblem,
        parameters: Parameters,
        num_iters: int,
        prediction: Tensor | None = None,
    ) -> Minimisation:
        """Run a number of iterations; differentiable where gradients are enabled.

        ``parameters`` is the start, and ``prediction`` the problem's there, where it is known.
        """
        evaluation = problem.evaluate(parameters, prediction)
        value = self.objective(evaluation)
        iterates, objectives = [parameters], [value]
        for _ in range(num_iters):
            evaluation, value = self._iterate(evaluation, value)
            iterates.append(evaluation.parameters)
            objectives.append(value)
        return Minimisation(iterates, objectives, evaluation.prediction)

    def _iterate(self, evaluation: Evaluation, value: Tensor) -> tuple[Evaluation, Tensor]:
        lambdas = self._squared_lambdas(len(evaluation.parameters))
        blocks = zip(
            evaluation.vjp(evaluation.residual), lambdas, evaluation.parameters, strict=True
        )
        gradient = tuple(block + weight * parameter for block, weight, parameter in blocks)
        line = evaluation.line(tuple(-block for block in gradient))
        squares = _squared_norms(gradient)
        curvature = line.tangent.square().sum(1) + lambdas @ squares
        # A vanishing gradient has a vanishing curvature too; any finite step is right then.
        step = self.log_step.exp() * squares.sum(0) / curvature.clamp(min=1e-12)
        return self._control_step(line, step, value)

    def _control_step(
        self, line: Line, step: Tensor, start_value: Tensor
    ) -> tuple[Evaluation, Tensor]:
        with torch.no_grad():
            factors = [0.5**power for power in range(self.max_halvings + 1)]
            values = [self.objective(line.at(step * factor)) for factor in factors]
            # To argmin a NaN is the least of all.
            values = torch.stack([start_value, *values]).nan_to_num(torch.inf, torch.inf)
            best = values.argmin(dim=0)
            factor = step.new_tensor([0.0, *factors])[best]
        moved = line.at((step * factor).masked_fill(best == 0, 0))
        return moved, self.objective(moved)

    @in_full_precision
    def forward(
        self,
        filter_weights: Tensor,
        feat: Tensor,
        bboxes: Tensor,
        num_iters: int | None = None,
        sample_weights: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, list[Tensor], list[Tensor]]:
        """Optimise plain (B, C, k, k) filters, k odd, as mmtrack's slot asks.

        Args:
            filter_weights: Where they start.
            feat: (n, B, C, H, W) or, for one sequence, (n, C, H, W).
            bboxes: (n, B, 4) or (n, 4), (cx, cy, w, h) in crop pixels.
            num_iters: The constructor's by default.
            sample_weights: (n,) or (n, B) weight of each frame; equal by default.

        Returns:
            Filters; in training, also all iterates and the objectives as scalars.
        """
        size = filter_weights.shape[-1]
        if size % 2 == 0:
            raise ValueError(
                f'filter_weights: the filter must be of odd size, got {size}x{size}; set '
                'filter_size=5 in filter_initializer'
            )
        filters, feat = at_least_float32(filter_weights), at_least_float32(feat)
        result = self.minimise(
            self._slot_problem(feat, bboxes, sample_weights, size),
            (filters.flatten(2),),
            self.num_iters if num_iters is None else num_iters,
        )
        iterates = [blocks[0].view_as(filters) for blocks in result.iterates]
        if not self.training:
            return iterates[-1]
        return iterates[-1], iterates, [value.mean() for value in result.objectives]

    def _slot_problem(
        self, feat: Tensor, bboxes: Tensor, weights: Tensor | None, filter_size: int
    ) -> FilterProblem:
        """The problem of :meth:`forward`'s arguments, which count frames first."""
        if feat.dim() == 4:
            feat = feat.unsqueeze(1)
        features = feat.transpose(0, 1)
        sequences, frames = features.shape[:2]
        boxes = bbox_cxcywh_to_xyxy(bboxes.reshape(frames, sequences, 4).transpose(0, 1))
        grid = CellGrid(self.feat_stride, self.cell_offset)
        labels = gaussian_labels(grid.to_cells(boxes), features.shape[-2:])
        if weights is None:
            weights = features.new_full((frames,), 1.0 / frames)
        weights = weights.reshape(frames, -1).transpose(0, 1).expand(sequences, frames)
        sampler = plain_sampler(features, filter_size)
        return FilterProblem(features, labels, weights[..., None, None].expand_as(labels), sampler)
