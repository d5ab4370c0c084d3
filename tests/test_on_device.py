# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""``pytest --device`` on a device that every machine has: meta, whose tensors hold no numbers."""

from __future__ import annotations

import torch
from on_device import PACKAGE, OnDevice
from torch import nn


def test_tests_make_tensors_on_the_device_and_the_package_has_to_find_it() -> None:
    scope = {'torch': torch}
    with OnDevice(torch.device('meta')):
        drawn = torch.rand(2, generator=torch.Generator().manual_seed(0))
        assert torch.zeros(1).is_meta and drawn.is_meta and nn.Linear(1, 1).weight.is_meta
        exec(compile('made = torch.zeros(1)', f'{PACKAGE}/module.py', 'exec'), scope)
    assert scope['made'].device.type == 'cpu'
