# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG with ImageNet weights in its backbone and an untrained start of all else, and a clip."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from moving_target import MovingTarget, build_tlpg

from tlpg_mmtrack.models.trackers import TLPG, TargetState


@pytest.fixture(scope='session')
def model(device: torch.device) -> TLPG:
    """The shipped configuration with fewer crops of the first frame, ranking by score."""
    return build_tlpg().to(device).eval()


@pytest.fixture
def clip() -> MovingTarget:
    """An easy clip."""
    return MovingTarget(0, start=(60, 70), step=(3, 2))


@pytest.fixture(scope='session')
def _started(model: TLPG) -> TargetState:
    clip = MovingTarget(0, start=(60, 70), step=(3, 2))
    return model.start(clip[0], clip.box(0))


@pytest.fixture
def target(_started: TargetState) -> TargetState:
    """The target of ``clip``, learned in its first frame."""
    return deepcopy(_started)
