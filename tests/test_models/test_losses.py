# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Losses: by hand, and in the arguments that mmdet's losses and mmtrack's slot have."""

from __future__ import annotations

import pytest
import torch
from mmtrack.registry import MODELS

from tlpg_mmtrack.models.losses import hinge_residual


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


class TestHingeGridLoss:
    SCORES = torch.tensor([[[0.5, -1.0]], [[2.0, 1.0]]])
    """Two maps of one row and two columns."""
    LABELS = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])

    def test_by_hand(self):
        loss = MODELS.build(dict(type='HingeGridLoss', loss_weight=3.0))
        # Residuals: -0.5 and 0 in the first map, 2 and 0 in the second.
        assert loss(self.SCORES, self.LABELS) == 3 * (0.25 + 4) / 2
        assert loss(self.SCORES, self.LABELS, grid_dim=(-2, -1)) == 3 * (0.25 + 4) / 2
        weight = torch.tensor([[[1.0, 1.0]], [[0.5, 1.0]]])
        assert loss(self.SCORES, self.LABELS, weight) == 3 * (0.25 + 2) / 2
        assert loss(self.SCORES, self.LABELS, weight, avg_factor=9) == 3 * (0.25 + 2) / 9


class TestOverlapLoss:
    BOXES = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 6.0, 6.0]])

    def test_by_hand(self):
        loss = MODELS.build(dict(type='OverlapLoss', loss_weight=2.0))
        target = self.BOXES[:1].expand(3, 4)
        # Overlaps of 1, a half and 0.
        assert loss(self.BOXES, target) == 2 * 1.5 / 3
        weight = torch.tensor([0.0, 1.0, 1.0])
        assert loss(self.BOXES, target, weight, avg_factor=2) == 2 * 0.5 / 2
