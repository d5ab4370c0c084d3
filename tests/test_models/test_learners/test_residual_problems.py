# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Residual problems: their Jacobian products against autograd."""

from __future__ import annotations

import pytest
import torch
from problems import draw_filter_problem, draw_joint_problem, draw_regression_problem, generator_of
from torch import Tensor

from tlpg_mmtrack.models.learners import (
    Evaluation,
    Parameters,
    ResidualProblem,
)

PROBLEMS = {
    'plain filter': lambda: draw_filter_problem(0),
    'displaced filter': lambda: draw_filter_problem(0, displaced=True),
    'linear filter': lambda: draw_filter_problem(0, linear=True, displaced=True),
    'regression': lambda: draw_regression_problem(0),
    'regression at a tie': lambda: draw_regression_problem(0, tied=True),
    'joint': lambda: draw_joint_problem(0),
    'joint, points held back': lambda: draw_joint_problem(0, gradient_scale=0.1),
}


@pytest.fixture(params=PROBLEMS.values(), ids=PROBLEMS.keys())
def case(request) -> tuple[ResidualProblem, Parameters]:
    """A problem in double precision and where to evaluate it."""
    return request.param()


def _like(blocks: Parameters, seed: int) -> Parameters:
    generator = generator_of(seed)
    return tuple(torch.randn(b.shape, generator=generator, dtype=b.dtype) for b in blocks)


def _residual(problem: ResidualProblem, parameters: Parameters) -> Tensor:
    return problem.evaluate(parameters).residual


class TestJacobian:
    def test_vjp_equals_autograd(self, case):
        problem, parameters = case
        leaves = tuple(block.requires_grad_() for block in parameters)
        residual = _residual(problem, leaves)
        cotangent = torch.randn(residual.shape, generator=generator_of(1), dtype=residual.dtype)
        expected = torch.autograd.grad(residual, leaves, cotangent)
        for own, other in zip(problem.evaluate(leaves).vjp(cotangent), expected, strict=True):
            assert other.any()
            torch.testing.assert_close(own, other)

    def test_jvp_equals_autograd(self, case):
        problem, parameters = case
        direction = _like(parameters, 2)
        _, expected = torch.autograd.functional.jvp(
            lambda *blocks: _residual(problem, blocks), parameters, direction
        )
        assert expected.any()
        line = problem.evaluate(parameters).line(direction)
        torch.testing.assert_close(line.tangent, expected)

    def test_vjp_is_the_transpose_of_jvp(self, case):
        problem, parameters = case
        evaluation, direction = problem.evaluate(parameters), _like(parameters, 3)
        tangent = evaluation.line(direction).tangent
        cotangent = torch.randn(tangent.shape, generator=generator_of(4), dtype=tangent.dtype)
        back = evaluation.vjp(cotangent)
        inner = sum((a * b).flatten(1).sum(1) for a, b in zip(direction, back, strict=True))
        torch.testing.assert_close((tangent * cotangent).sum(1), inner)

    def test_a_step_along_a_line_equals_a_new_evaluation(self, case):
        problem, parameters = case
        direction, step = _like(parameters, 5), torch.tensor([0.3, -0.7], dtype=torch.float64)
        moved: Evaluation = problem.evaluate(parameters).line(direction).at(step)
        expected = tuple(
            block + step.view(-1, 1, 1) * change
            for block, change in zip(parameters, direction, strict=True)
        )
        for own, other in zip(moved.parameters, expected, strict=True):
            torch.testing.assert_close(own, other)
        torch.testing.assert_close(moved.residual, _residual(problem, expected))


class TestRegressionResidual:
    def test_square_is_twice_smooth_l1(self):
        problem, parameters = draw_regression_problem(1)
        error = problem.boxes(problem.predict(parameters)) - problem.targets
        loss = torch.nn.functional.smooth_l1_loss(
            error, torch.zeros_like(error), beta=problem.beta, reduction='none'
        )
        expected = (2 * problem.roots**2 * loss).flatten(1)
        torch.testing.assert_close(_residual(problem, parameters).square(), expected)
        assert (error.abs() < problem.beta).any()
        assert (error.abs() > problem.beta).any()

    def test_cells_of_no_weight_say_nothing(self):
        problem, parameters = draw_regression_problem(2)
        evaluation = problem.evaluate(parameters)
        silent = (problem.roots == 0).expand_as(problem.targets).flatten(1)
        assert silent.any()
        assert not evaluation.residual[silent].any()

    def test_points_that_rounding_parted_move_together(self):
        """Were one of a row moved alone, the box would not change."""
        problem, parameters = draw_regression_problem(3, tied=True)
        blocks = _like(parameters, 6)
        noise = tuple(block + 1e-7 * move for block, move in zip(parameters, blocks, strict=True))
        cotangent = torch.ones_like(_residual(problem, parameters))
        exact = problem.evaluate(parameters).vjp(cotangent)
        for own, other in zip(problem.evaluate(noise).vjp(cotangent), exact, strict=True):
            torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)
