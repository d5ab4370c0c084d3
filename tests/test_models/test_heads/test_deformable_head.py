# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""DeformableHead: points that the classification loss alone moves."""

from __future__ import annotations

from dataclasses import replace

import torch
from mmtrack.registry import MODELS

from tlpg_mmtrack.models.heads import DeformableHead, RigidHead

BOXES = torch.tensor([[[40.0, 36.0, 84.0, 92.0], [52.0, 44.0, 96.0, 100.0]]])


def _head(kind: str = 'DeformableHead') -> DeformableHead | RigidHead:
    return MODELS.build(dict(type=kind, in_channels=6, feat_channels=6))


def _maps(seed: int) -> torch.Tensor:
    return torch.randn(1, 2, 6, 9, 9, generator=torch.Generator().manual_seed(seed))


def test_it_starts_as_the_rigid_filter() -> None:
    heads = [_head(), _head('RigidHead')]
    scores = []
    for head in heads:
        features = head.features(_maps(0)[0]).unsqueeze(0)
        scores.append(head.predict(head.initialise(features, BOXES), features).scores)
    torch.testing.assert_close(*scores)


def test_points_move_and_boxes_have_no_part_in_it() -> None:
    head = _head()
    features = head.features(_maps(0)[0]).unsqueeze(0)
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


def test_training_has_the_classification_loss_alone() -> None:
    head = _head()
    losses = head.loss(_maps(1), BOXES, _maps(2), BOXES)
    assert list(losses) == ['loss_cls']
    losses['loss_cls'].backward()
    for parameter in (head.filter_features.weight, head.initial_free, head.initial_affine):
        assert parameter.grad.any()
        assert parameter.grad.isfinite().all()
