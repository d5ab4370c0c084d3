# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Learners of table 1's designs without boxes: a rigid filter (RC), and a raw deformable one (DC).

Those with boxes are tested as the head learns with them, in test_dcc_head.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.models.heads import DCCHead

BOXES = torch.tensor([[[40.0, 36.0, 84.0, 92.0], [52.0, 44.0, 96.0, 100.0]]])
RIGID = dict(type='FilterLearner')
DEFORMABLE = dict(type='JointLearner', boxes=False, gradient_scale=1.0)


def _head(learner: dict) -> DCCHead:
    return MODELS.build(
        dict(
            type='DCCHead', in_channels=6, feat_channels=6, learner=learner, offset_prior='square'
        )
    )


def _maps(seed: int = 0) -> Tensor:
    """(1, 2, 6, 9, 9) noise."""
    return torch.randn(1, 2, 6, 9, 9, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('learner', [RIGID, DEFORMABLE])
def test_it_starts_as_a_convolution(learner: dict) -> None:
    head = _head(learner)
    features = head.features(_maps())
    model = head.initialise(features, BOXES)
    prediction = head.predict(model, features)
    expected = F.conv2d(features[0], model.filter.view(1, 6, 5, 5), padding=2)
    torch.testing.assert_close(prediction.scores[0], expected[:, 0])
    # The grid spans two cells to each side, at every cell.
    assert (prediction.distances == 2).all()


def test_a_rigid_filter_is_learned_alone() -> None:
    head = _head(RIGID)
    features = head.features(_maps())
    model = head.initialise(features, BOXES)
    learned = head.learn(model, head.samples(features, BOXES), 5)
    objectives = torch.stack(learned.classification.objectives)
    assert (objectives.diff(dim=0) < 0).all()
    assert not torch.equal(learned.model.filter, model.filter)
    assert not learned.model.affine.any()
    assert not learned.model.free.any()


def test_without_boxes_points_move_and_boxes_have_no_part_in_it() -> None:
    head = _head(DEFORMABLE)
    features = head.features(_maps())
    model = head.initialise(features, BOXES)
    samples = head.samples(features, BOXES)
    learned = head.learn(model, samples, 5)
    objectives = torch.stack(learned.classification.objectives)
    assert (objectives.diff(dim=0) < 0).all()
    assert learned.model.free.any()
    assert learned.model.affine.any()
    others = head.learn(model, replace(samples, targets=3 * samples.targets), 5).model
    assert torch.equal(others.free, learned.model.free)
    assert torch.equal(others.filter, learned.model.filter)


@pytest.mark.parametrize('learner', [RIGID, DEFORMABLE])
def test_without_boxes_training_has_the_classification_loss_alone(learner: dict) -> None:
    head = _head(learner)
    assert not head.proposes
    losses = head.loss(_maps(1), BOXES, _maps(2), BOXES)
    assert list(losses) == ['loss_cls']
    losses['loss_cls'].backward()
    assert head.filter_features.weight.grad.any()
    for start in (head.initial_affine, head.initial_free):
        # Nothing would ever move a rigid filter's.
        assert start.requires_grad == (learner is DEFORMABLE)
        assert learner is RIGID or (start.grad.isfinite().all() and start.grad.any())
