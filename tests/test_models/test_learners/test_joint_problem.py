# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The joint problem: its parts, its derivatives against finite differences, and its coupling.

That its Jacobian products equal autograd's is tested with the other problems, in
`test_residual_problems.py`, and its descent in `test_sd_optimizer.py`.
"""

from __future__ import annotations

import pytest
import torch
from problems import draw_joint_problem, generator_of
from torch import Tensor

from tlpg_mmtrack.models.deformable_filter import scale_gradient
from tlpg_mmtrack.models.learners import (
    FilterProblem,
    JointProblem,
    Parameters,
    residual_problems,
)
from tlpg_mmtrack.ops import kernel_sampler


def _directions(blocks: Parameters, seed: int) -> Parameters:
    generator = generator_of(seed)
    return tuple(torch.randn(b.shape, generator=generator, dtype=b.dtype) for b in blocks)


def _move(blocks: Parameters, directions: Parameters, step: float) -> Parameters:
    return tuple(
        block + step * direction for block, direction in zip(blocks, directions, strict=True)
    )


def _filter_problem(problem: JointProblem, parameters: Parameters) -> FilterProblem:
    """The classification alone, at the points of the given offset kernel."""
    _, affine, free = parameters
    kernel = affine @ problem.regression.affine + free
    points = problem.unit * problem.field.apply(kernel) + problem.grid
    size = tuple(problem.labels.shape[2:])
    sampler = kernel_sampler(points.unflatten(2, size))
    return FilterProblem(problem.features, problem.labels, problem.roots**2, sampler)


class TestResidual:
    def test_is_the_scores_then_the_boxes(self):
        problem, parameters = draw_joint_problem(0)
        residual = problem.evaluate(parameters).residual
        scores = _filter_problem(problem, parameters).evaluate(parameters[:1]).residual
        boxes = problem.regression.evaluate(parameters[1:]).residual
        assert scores.any()
        assert boxes.any()
        torch.testing.assert_close(residual, torch.cat((scores, boxes), dim=1))

    def test_the_gradient_scale_does_not_change_it(self):
        problem, parameters = draw_joint_problem(0)
        held, _ = draw_joint_problem(0, gradient_scale=0.1)
        leaves = tuple(block.requires_grad_() for block in parameters)
        torch.testing.assert_close(
            problem.evaluate(leaves).residual, held.evaluate(leaves).residual
        )

    def test_sequences_do_not_mix(self):
        problem, parameters = draw_joint_problem(0)
        changed = tuple(torch.cat((block[:1], 2 * block[1:])) for block in parameters)
        before, after = (problem.evaluate(b).residual for b in (parameters, changed))
        assert torch.equal(before[0], after[0])
        assert not torch.allclose(before[1], after[1])


class TestDerivative:
    @pytest.mark.parametrize('distractor', [0.0, 0.8])
    def test_jvp_equals_central_differences(self, distractor, monkeypatch):
        # Points that count as tied share a gradient, which is not the difference's.
        monkeypatch.setattr(residual_problems, 'TIE_TOLERANCE', 1e-12)
        problem, parameters = draw_joint_problem(0, distractor=distractor)
        directions, step = _directions(parameters, 1), 1e-6
        ahead, behind = (
            problem.evaluate(_move(parameters, directions, sign * step)).residual
            for sign in (1, -1)
        )
        tangent = problem.evaluate(parameters).line(directions).tangent
        torch.testing.assert_close(tangent, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-6)

    def test_vjp_is_the_gradient_of_half_the_squares(self):
        """By central differences in each of a few parameters of every block."""
        problem, parameters = draw_joint_problem(4)
        evaluation = problem.evaluate(parameters)
        gradient = evaluation.vjp(evaluation.residual)
        for number, block in enumerate(parameters):
            for place in (0, block[0].numel() // 2, block[0].numel() - 1):
                unit = torch.zeros_like(block[0]).flatten()
                unit[place] = 1e-6
                halves = []
                for sign in (1, -1):
                    moved = list(parameters)
                    moved[number] = block + sign * unit.view_as(block[0])
                    residual = problem.evaluate(tuple(moved)).residual
                    halves.append(residual.square().sum(1) / 2)
                expected = (halves[0] - halves[1]) / 2e-6
                own = gradient[number].flatten(1)[:, place]
                torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-7)


class TestCoupling:
    def _score_gradient(self, gradient_scale: float) -> Tensor:
        """The scores' share of the free kernel's gradient."""
        problem, parameters = draw_joint_problem(0, gradient_scale=gradient_scale)
        evaluation = problem.evaluate(parameters)
        cotangent = evaluation.residual.clone()
        cotangent[:, problem.labels[0].numel() :] = 0
        return evaluation.vjp(cotangent)[2]

    def test_the_scores_move_the_points_by_the_scale(self):
        whole, held, none = (self._score_gradient(scale) for scale in (1.0, 0.1, 0.0))
        assert whole.any()
        torch.testing.assert_close(held, 0.1 * whole)
        assert not none.any()


class TestScaleGradient:
    def test_keeps_the_value_and_scales_the_gradient(self):
        value = torch.tensor([0.3, -2.0], dtype=torch.float64, requires_grad=True)
        scaled = scale_gradient(value, 0.25)
        torch.testing.assert_close(scaled, value)
        assert torch.autograd.grad(scaled.sum(), value)[0].tolist() == [0.25, 0.25]

    def test_without_a_gradient_it_is_the_value(self):
        value = torch.ones(2)
        assert scale_gradient(value, 0.25) is value
