# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What results belong to."""

from __future__ import annotations

import json

import torch
from mmengine.config import Config
from torch import nn

from tlpg_mmtrack import __version__
from tlpg_mmtrack.evaluation.results import environment, run_identity, weights_sha256


def network() -> nn.Module:
    """A network with parameters, buffers, and an integer among them."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.5)
    return network


def test_the_hash_is_of_every_weight() -> None:
    first = weights_sha256(network())
    assert first == weights_sha256(network())
    for name, value in network().state_dict().items():
        changed = network()
        changed.load_state_dict(network().state_dict() | {name: value + 1})
        assert weights_sha256(changed) != first, name
    assert weights_sha256(network().double()) != first


def test_identity_holds_what_decides_the_results() -> None:
    config = Config(
        dict(
            model=dict(type='A', mean=(1.0, 2.0)),
            test_dataloader=dict(num_workers=4, dataset=dict(type='B', sizes=(3,))),
            test_cfg=dict(type='ResumableTestLoop', results_dir='x'),
            work_dir='y',
        )
    )
    identity = run_identity(config, network(), 5)
    assert identity == dict(
        config=dict(
            model=dict(type='A', mean=[1.0, 2.0]),
            dataset=dict(type='B', sizes=[3]),
            test_cfg=dict(type='ResumableTestLoop'),
        ),
        weights_sha256=weights_sha256(network()),
        seed=5,
    )
    assert json.loads(json.dumps(identity)) == identity


def test_environment_names_versions_and_hardware() -> None:
    noted = environment('best.pth', processes=2)
    assert noted['checkpoint'] == 'best.pth'
    assert noted['packages']['tlpg_mmtrack'] == __version__
    assert noted['packages']['torch'] == torch.__version__
    assert noted['packages']['mmcv'] is not None
    assert noted['cpu']
    assert json.loads(json.dumps(noted)) == noted
