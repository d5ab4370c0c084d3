# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Components and trackers run where ``--device`` says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from on_device import OnDevice


@pytest.fixture(autouse=True)
def _on_device(device: torch.device) -> Iterator[None]:
    if device.type == 'cpu':
        yield
    else:
        with OnDevice(device):
            yield
