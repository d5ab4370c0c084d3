# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What ``pytest --device`` does: the tensors and modules that a test makes are on that device."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

import tlpg_mmtrack

PACKAGE = str(Path(tlpg_mmtrack.__file__).parent)
MAKERS = {
    getattr(torch, name)
    for name in (
        'arange', 'as_tensor', 'empty', 'eye', 'full', 'linspace', 'ones', 'rand', 'randint',
        'randn', 'randperm', 'tensor', 'zeros',
    )
}  # fmt: skip


class OnDevice(TorchFunctionMode):
    """Makes tensors on a device, but for those that the package's own functions make.

    Those have to find the device by themselves, as for a user; its constructors need not, whose
    modules a user moves. Numbers of a CPU's generator are the same on every device.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch's, with the device where it makes a tensor."""
        kwargs = dict(kwargs or {})
        if function in MAKERS and kwargs.get('device') is None and _is_moved(sys._getframe(1)):
            if kwargs.get('generator') is not None:
                return function(*args, **kwargs).to(self._device)
            kwargs['device'] = self._device
        return function(*args, **kwargs)


def _is_moved(frame: FrameType | None) -> bool:
    code = frame.f_code
    return not code.co_filename.startswith(PACKAGE) or code.co_name == '__init__'


@pytest.fixture(autouse=True)
def run_on_device(device: torch.device) -> Iterator[None]:
    """For the conftest.py of a folder whose tests run where ``--device`` says."""
    if device.type == 'cpu':
        yield
    else:
        with OnDevice(device):
            yield
