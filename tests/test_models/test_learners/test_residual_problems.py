# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Residual problems: their Jacobian products against autograd, and the labels."""

from __future__ import annotations

import pytest
import torch
from problems import draw_filter_problem, draw_joint_problem, draw_regression_problem, generator_of
from torch import Tensor

from tlpg_mmtrack.models.learners import (
    Evaluation,
    Parameters,
    ResidualProblem,
    gaussian_labels,
    hinge_residual,
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
        error = problem.error(problem.predict(parameters))
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


class TestHingeResidual:
    @pytest.mark.parametrize(
        ('score', 'label', 'expected'),
        [
            (0.3, 1.0, -0.7),
            (-0.3, 1.0, -1.3),
            (0.4, 0.0, 0.4),
            (-0.4, 0.0, 0.0),
            (0.5, 0.5, 0.0),
            (-0.5, 0.5, -0.75),
        ],
    )
    def test_eq_6(self, score, label, expected):
        residual = hinge_residual(torch.tensor(score), torch.tensor(label))
        torch.testing.assert_close(residual, torch.tensor(expected))


class TestGaussianLabels:
    BOX = torch.tensor([2.0, 1.0, 8.0, 5.0])
    """Centre (5, 3), 6 cells wide and 4 high."""

    def test_by_hand(self):
        labels = gaussian_labels(self.BOX, (8, 10), center_shrink=0.5, sigma=0.25)
        # The centre region reaches 1.5 cells to each side and 1 cell up and down.
        assert (labels[2:5, 4:7] == 1).all()
        assert (labels == 1).sum() == 9
        # Two cells right of the centre are a third of the width, 4/3 sigma.
        expected = torch.exp(torch.tensor(-0.5 * (4 / 3) ** 2))
        torch.testing.assert_close(labels[3, 7], expected)
        torch.testing.assert_close(labels[3, 3], expected)
        # Two cells down are half the height, 2 sigma: the box's edge still counts.
        torch.testing.assert_close(labels[5, 5], torch.exp(torch.tensor(-2.0)))
        both = torch.exp(torch.tensor(-2.0 - 0.5 * (4 / 3) ** 2))
        torch.testing.assert_close(labels[5, 7], both)

    def test_zero_outside_the_box(self):
        labels = gaussian_labels(self.BOX, (8, 10))
        inside = torch.zeros(8, 10, dtype=torch.bool)
        inside[1:6, 2:9] = True
        assert not labels[~inside].any()
        assert labels[inside].all()

    def test_fall_monotonically(self):
        labels = gaussian_labels(torch.tensor([0.0, 0.0, 20.0, 20.0]), (21, 21))
        assert (labels[10, 10:].diff() <= 0).all()
        assert (labels[10:, 10].diff() <= 0).all()

    @pytest.mark.parametrize('box', [(3.4, 3.4, 3.4, 3.4), (3.2, 3.1, 3.4, 3.3)])
    def test_a_box_smaller_than_a_cell_labels_the_nearest_cell(self, box):
        labels = gaussian_labels(torch.tensor(box), (8, 8))
        assert labels.argmax() == 3 * 8 + 3
        assert (labels > 0).sum() == 1

    @pytest.mark.parametrize('aspect', [1.0, 2.5, 5.0, 10.0])
    @pytest.mark.parametrize('upright', [False, True])
    def test_a_box_of_any_aspect_has_a_cell_of_label_1_wherever_it_lies(self, aspect, upright):
        """Of the tracker's target size, 3.2 cells: a centre region of down to 0.3 cells."""
        size = torch.tensor([3.2 * aspect**0.5, 3.2 / aspect**0.5])
        size = size.flip(0) if upright else size
        places = torch.arange(16) / 16
        centers = 8 + torch.cartesian_prod(places, places)
        labels = gaussian_labels(torch.cat((centers - size / 2, centers + size / 2), 1), (18, 18))
        cells = labels.flatten(1)
        assert (cells.amax(1) == 1).all()
        # Of thinner ones no more than the row, or the two rows, that the middle lies on.
        rows, columns = (labels == 1).any(2).sum(1), (labels == 1).any(1).sum(1)
        for count, length in ((columns, size[0]), (rows, size[1])):
            assert count.max() <= max(2, 0.3 * length + 1)

    def test_a_box_outside_the_map_labels_nothing(self):
        assert not gaussian_labels(torch.tensor([50.0, 50.0, 60.0, 60.0]), (8, 8)).any()

    def test_leading_dimensions_are_kept(self):
        boxes = self.BOX.expand(2, 3, 4)
        labels = gaussian_labels(boxes, (8, 10))
        assert labels.shape == (2, 3, 8, 10)
        assert torch.equal(labels[1, 2], gaussian_labels(self.BOX, (8, 10)))
