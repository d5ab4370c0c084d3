# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""BoxRegressionRefiner: what it answers, and that it can learn."""

from __future__ import annotations

import pytest
import torch
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.models.heads import BoxRegressionRefiner

PROPOSALS = torch.tensor([[40.0, 30, 90, 80], [44, 36, 98, 92], [20, 20, 60, 100]])
SCORES = torch.tensor([0.2, 0.9, 0.5])


def _refiner(**kwargs) -> BoxRegressionRefiner:
    settings = dict(type='BoxRegressionRefiner', in_channels=8, feat_channels=16)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS.build(settings | kwargs)


def _maps(boxes: Tensor) -> Tensor:
    """(n, 8, 9, 9): in every channel the target's inside."""
    cells = 16.0 * torch.arange(9)
    inside = [
        ((cells >= x1) & (cells <= x2))[None] & ((cells >= y1) & (cells <= y2))[:, None]
        for x1, y1, x2, y2 in boxes.tolist()
    ]
    return torch.stack(inside).float().unsqueeze(1).expand(-1, 8, -1, -1)


def test_untrained_it_keeps_the_proposals_in_stage_1s_order() -> None:
    boxes, scores = _refiner().refine(_maps(PROPOSALS[:1]), PROPOSALS, SCORES)
    torch.testing.assert_close(boxes, PROPOSALS[[1, 2, 0]])
    assert scores.tolist() == SCORES[[1, 2, 0]].tolist()


def test_it_follows_the_best_only() -> None:
    boxes, scores = _refiner(max_proposals=2).refine(_maps(PROPOSALS[:1]), PROPOSALS, SCORES)
    assert len(boxes) == 2
    assert scores.tolist() == SCORES[[1, 2]].tolist()


def test_residuals_move_and_scale_a_box() -> None:
    refiner = _refiner()
    # In the coder's units: a tenth of the width to the right, log height up by 0.2.
    refiner.residual.bias.data = torch.tensor([1.0, 0.0, 0.0, 1.0])
    boxes, _ = refiner.refine(_maps(PROPOSALS[:1]), PROPOSALS[:1], SCORES[:1])
    height = 50 * torch.tensor(0.2).exp().item()
    expected = [[45.0, 55 - height / 2, 95.0, 55 + height / 2]]
    torch.testing.assert_close(boxes, torch.tensor(expected))


def test_it_learns_to_improve_jittered_boxes() -> None:
    refiner = _refiner()
    boxes = torch.tensor([[[34.0, 34, 94, 78]], [[50.0, 18, 94, 94]]])
    maps = _maps(boxes[:, 0]).unsqueeze(1)
    optimiser = torch.optim.Adam(refiner.parameters(), lr=3e-3)
    course = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(30):
            (loss,) = refiner.loss(maps, boxes, maps, boxes).values()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            course.append(loss.item())
    assert sum(course[-5:]) < 0.5 * sum(course[:5])


def test_the_loss_names_the_stage_and_reaches_every_layer_but_the_template() -> None:
    refiner = _refiner()
    torch.nn.init.ones_(refiner.residual.weight)
    template = torch.ones(1, 1, 8, 9, 9, requires_grad=True)
    boxes = PROPOSALS[None, :1]
    losses = refiner.loss(template, boxes, _maps(PROPOSALS[:1])[None], boxes)
    assert list(losses) == ['refine.loss_box']
    losses['refine.loss_box'].backward()
    assert all(parameter.grad.any() for parameter in refiner.parameters())
    assert template.grad is None


def test_width_must_fit_the_groups() -> None:
    with pytest.raises(ValueError, match=r'feat_channels must be a positive .* 16, got 20'):
        _refiner(feat_channels=20)
