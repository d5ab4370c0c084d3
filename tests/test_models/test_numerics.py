# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Precision under autocast, and ranking: a merit that is not finite never wins."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tlpg_mmtrack.models.heads import BoxRegressionRefiner, CenterBiasRefiner, IoUNetHead
from tlpg_mmtrack.models.numerics import at_least_float32, in_full_precision, rankable

BOXES = torch.tensor([[80.0, 80, 112, 112], [96.0, 96, 128, 128], [112.0, 112, 144, 144]])


class _Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, 1), 1 / 3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight

    @in_full_precision
    def exact(self, x: Tensor) -> Tensor:
        """The same without autocast."""
        return self(x)


def test_autocast_ends_at_the_method_and_goes_on_after_it():
    product, x = _Product(), torch.ones(1, 1)
    with torch.autocast('cpu', torch.bfloat16):
        assert product(x).dtype == torch.bfloat16
        assert product.exact(x=x).item() == product.weight.item()
        assert product(x).dtype == torch.bfloat16
    assert product.exact(x).dtype == torch.float32
    assert product.exact.__doc__ == 'The same without autocast.'


def test_only_half_precision_is_widened():
    for given, wanted in (
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        assert at_least_float32(torch.zeros(1, dtype=given)).dtype == wanted


@pytest.mark.parametrize('value', [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_comes_last(value):
    merits = torch.tensor([0.5, value, 0.7, -3.0])
    assert rankable(merits).topk(4).indices.tolist() == [2, 0, 3, 1]
    assert rankable(merits[None])[0].argmax() == 2


def test_the_refiner_follows_the_best_finite_proposals():
    refiner = CenterBiasRefiner(dict(type='DCCHead', in_channels=8), max_proposals=1)
    cells, new = refiner.centers(BOXES, torch.tensor([0.2, torch.nan, 0.9]), (18, 18))
    assert cells[new].tolist() == [8 * 18 + 8]


def test_the_box_regression_refiner_too():
    refiner = BoxRegressionRefiner(in_channels=8, feat_channels=16, max_proposals=1).eval()
    scores = torch.tensor([0.2, torch.nan, 0.9])
    boxes, found = refiner.refine(torch.rand(1, 8, 18, 18), BOXES, scores)
    assert found.tolist() == [scores[2]]
    torch.testing.assert_close(boxes, BOXES[2:])


def test_a_search_leaves_out_variations_that_cannot_be_judged(monkeypatch):
    head = IoUNetHead(in_channels=(8, 8)).eval()

    def judge(modulation, features, boxes):
        """The wider the better; what moved to the left cannot be judged."""
        center, width = boxes[..., 0] + boxes[..., 2], boxes[..., 2] - boxes[..., 0]
        return torch.where(center < center[..., 12:13] - 1e-3, torch.nan, width)

    monkeypatch.setattr(head, 'predict_iou', judge)
    found = head.search((), (), BOXES[:1])[0]
    assert found[0] + found[2] == pytest.approx(80 + 112, abs=1e-3)
    assert found[2] - found[0] > 40
