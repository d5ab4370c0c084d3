# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Points to box: values by hand, and the closed-form Jacobian against autograd."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.func import jvp, vjp

from tlpg_mmtrack.ops import (
    distances_to_boxes,
    extreme_weights,
    points_to_box,
)


def _random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _grid(dtype: torch.dtype = torch.float64) -> Tensor:
    """The undeformed 5x5 grid on a 2x3 map: five points tie for every side."""
    steps = torch.arange(-2, 3, dtype=dtype)
    y, x = torch.meshgrid(steps, steps, indexing='ij')
    pairs = torch.stack((y, x), dim=-1).flatten()
    return pairs.view(1, 50, 1, 1).expand(1, 50, 2, 3).clone()


class TestPointsToBox:
    @pytest.mark.parametrize(
        'dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64]
    )
    def test_smoke(self, dtype):
        distances = points_to_box(_random(2, 50, 4, 5, dtype=dtype))
        assert distances.dtype == dtype
        assert torch.isfinite(distances).all()

    @pytest.mark.parametrize('shape', [(2, 50, 4, 5), (7, 18), (1, 2, 3)])
    def test_cardinality(self, shape):
        assert points_to_box(_random(*shape)).shape == (shape[0], 4, *shape[2:])

    def test_by_hand(self):
        points = torch.tensor([[-1.0, 2.0, 3.0, -4.0, 0.5, 0.5]])  # (dy, dx) three times
        assert points_to_box(points).tolist() == [[4.0, 1.0, 2.0, 3.0]]

    def test_points_on_one_side_have_a_negative_distance(self):
        points = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
        assert points_to_box(points).tolist() == [[-2.0, -1.0, 4.0, 3.0]]

    def test_gradcheck(self):
        assert gradcheck(points_to_box, _random(2, 10, 2, 2).requires_grad_())


class TestJacobian:
    @pytest.mark.parametrize('make', [lambda: _random(2, 50, 3, 4), _grid], ids=['random', 'ties'])
    def test_vjp_equals_autograd(self, make):
        points = make()
        cotangent = _random(points.shape[0], 4, *points.shape[2:], seed=1)
        _, pull = vjp(points_to_box, points)
        torch.testing.assert_close(extreme_weights(points).vjp(cotangent), pull(cotangent)[0])

    @pytest.mark.parametrize('make', [lambda: _random(2, 50, 3, 4), _grid], ids=['random', 'ties'])
    def test_jvp_equals_autograd(self, make):
        points = make()
        tangent = _random(*points.shape, seed=1)
        _, expected = jvp(points_to_box, (points,), (tangent,))
        torch.testing.assert_close(extreme_weights(points).jvp(tangent), expected)

    def test_the_products_are_adjoint(self):
        points, tangent, cotangent = _grid(), _random(1, 50, 2, 3), _random(1, 4, 2, 3, seed=1)
        weights = extreme_weights(points)
        forward = (weights.jvp(tangent) * cotangent).sum()
        backward = (weights.vjp(cotangent) * tangent).sum()
        torch.testing.assert_close(forward, backward)

    def test_ties_share_evenly(self):
        weights = extreme_weights(_grid())
        for share in weights:
            torch.testing.assert_close(share.sum(dim=1), torch.ones(1, 2, 2, 3).double())
            assert set(share.unique().tolist()) == {0.0, 0.2}


class TestDistancesAndBoxes:
    def test_by_hand(self):
        distances, centers = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[10.0, 20.0]])
        boxes = distances_to_boxes(distances, centers)
        assert boxes.tolist() == [[9.0, 18.0, 13.0, 24.0]]

    def test_the_same_centres_serve_many_maps(self):
        centers, distances = _random(1, 2, 3, 4), _random(5, 4, 3, 4, seed=1)
        boxes = distances_to_boxes(distances, centers)
        torch.testing.assert_close(centers - boxes[:, :2], distances[:, :2])
        torch.testing.assert_close(boxes[:, 2:] - centers, distances[:, 2:])
