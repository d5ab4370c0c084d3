# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""RigidHead: a plain correlation filter, learned online, and nothing else."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.models.heads import RigidHead

BOXES = torch.tensor([[[40.0, 36.0, 84.0, 92.0], [52.0, 44.0, 96.0, 100.0]]])


def _head() -> RigidHead:
    return MODELS.build(dict(type='RigidHead', in_channels=6, feat_channels=6))


def _features(head: RigidHead, seed: int = 0) -> Tensor:
    """(1, 2, 6, 9, 9) filter features of noise."""
    generator = torch.Generator().manual_seed(seed)
    return head.features(torch.randn(2, 6, 9, 9, generator=generator)).unsqueeze(0)


def test_scores_are_a_convolution() -> None:
    head = _head()
    features = _features(head)
    model = head.initialise(features, BOXES)
    prediction = head.predict(model, features)
    expected = F.conv2d(features[0], model.filter.view(1, 6, 5, 5), padding=2)
    torch.testing.assert_close(prediction.scores[0], expected[:, 0])
    # The grid spans two cells to each side, at every cell.
    assert (prediction.distances == 2).all()


def test_learning_changes_the_filter_alone() -> None:
    head = _head()
    features = _features(head)
    model = head.initialise(features, BOXES)
    learned = head.learn(model, head.samples(features, BOXES), 5)
    objectives = torch.stack(learned.classification.objectives)
    assert (objectives.diff(dim=0) < 0).all()
    assert not torch.equal(learned.model.filter, model.filter)
    assert not learned.model.affine.any()
    assert not learned.model.free.any()


def test_training_has_the_classification_loss_and_no_offsets() -> None:
    head = _head()
    maps = torch.randn(1, 2, 6, 9, 9, generator=torch.Generator().manual_seed(1))
    losses = head.loss(maps, BOXES, maps, BOXES)
    assert list(losses) == ['loss_cls']
    losses['loss_cls'].backward()
    assert head.filter_features.weight.grad.any()
    assert not [name for name in head.state_dict() if 'affine' in name or 'free' in name]
