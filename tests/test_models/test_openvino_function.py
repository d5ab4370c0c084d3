# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""OpenVINO gives what PyTorch does, follows the weights, and is used where it is installed."""

from __future__ import annotations

import ctypes
import gc
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip
from torch import Tensor, nn

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.models import openvino_function
from tlpg_mmtrack.models.openvino_function import OpenVINOFunction
from tlpg_mmtrack.utils.errors import PackageError
from tlpg_mmtrack.utils.frames import open_source

needs_openvino = pytest.mark.skipif(
    openvino_function.find_spec('openvino') is None, reason='pip install -r requirements/fast.txt'
)
# Past the first iterations of an update, which start at frame 25.
FRAMES = 30


def boxes_of(runtime: str) -> tuple[np.ndarray, Tracker]:
    """The demo's boxes, with few crops of the first frame."""
    model = Tracker.from_pretrained(device='cpu').model
    model.options = replace(model.options, warps=4, runtime=runtime)
    tracker = Tracker(model, device='cpu')
    frames = [frame for _, frame in islice(open_source(demo_clip()), FRAMES)]
    tracker.init(frames[0], DEMO_BOX)
    return np.stack([tracker.track(frame).box for frame in frames[1:]]), tracker


@needs_openvino
def test_boxes_are_pytorch_s():
    expected, plain = boxes_of('torch')
    boxes, tracker = boxes_of('openvino')
    np.testing.assert_allclose(boxes, expected, rtol=0, atol=1e-3)
    assert np.ptp(boxes, axis=0).min() > 0.1, 'the target must move for this to mean anything'
    assert tracker.manifest()['runtime'] == 'openvino'
    assert tracker.manifest()['versions']['openvino']
    assert plain.manifest()['runtime'] == 'torch'
    # It would have reported the import.
    assert sys.modules['openvino_telemetry'] is None


@needs_openvino
def test_it_follows_shapes_weights_and_nesting():
    layer = nn.Conv2d(3, 4, 3, padding=1).requires_grad_(False)
    calls = []

    def function(x: Tensor, pair: tuple[Tensor, tuple[Tensor, ...]]) -> tuple[Tensor, Tensor]:
        calls.append(1)
        return layer(x), pair[0] + pair[1][0].float()

    fast = OpenVINOFunction(function, [layer])
    images = torch.rand(1, 3, 8, 6)
    pair = torch.rand(5), (torch.arange(5, dtype=torch.uint8),)
    for size, change in ((8, None), (8, None), (7, None), (7, layer.bias)):
        if change is not None:
            change += 1
        x = images[..., :size, :]
        with torch.inference_mode():
            outputs, seen = fast(x, pair), len(calls)
            torch.testing.assert_close(outputs, function(x, pair))
        calls.pop()
    # Converted three times; the second call ran no Python.
    assert seen == len(calls) == 3


@needs_openvino
def test_gradients_and_autocast_get_the_function_itself():
    layer = nn.Linear(3, 3)
    fast = OpenVINOFunction(lambda x: (layer(x),), [layer])
    fast(torch.rand(2, 3))[0].sum().backward()
    assert layer.weight.grad is not None
    with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16):
        assert fast(torch.rand(2, 3))[0].dtype == torch.bfloat16


@pytest.mark.parametrize(('installed', 'expected'), [(True, 'openvino'), (False, 'torch')])
def test_auto_takes_it_where_it_is_installed(monkeypatch, installed, expected):
    monkeypatch.setattr(openvino_function, 'find_spec', lambda name: installed or None)
    monkeypatch.setattr(openvino_function, 'is_installed', lambda: installed)
    assert openvino_function.chosen_runtime('auto') == expected
    assert openvino_function.chosen_runtime('torch') == 'torch'
    if installed:
        assert openvino_function.chosen_runtime('openvino_bf16') == 'openvino_bf16'
    else:
        with pytest.raises(PackageError, match=r'runtime: .openvino. needs OpenVINO; pip install'):
            openvino_function.chosen_runtime('openvino')


class SignalStack(ctypes.Structure):
    """C's stack_t."""

    _fields_ = [('start', ctypes.c_void_p), ('flags', ctypes.c_int), ('size', ctypes.c_size_t)]


@needs_openvino
@pytest.mark.skipif(not Path('/proc/self/maps').exists(), reason='reads /proc/self/maps')
def test_signals_can_be_handled_when_it_is_gone():
    layer = nn.Conv2d(3, 4, 3)
    for _ in range(2):
        function = OpenVINOFunction(lambda image: (layer(image),), [layer])
        with torch.inference_mode():
            function(torch.ones(1, 3, 8, 8))
        del function
        gc.collect()
    stack = SignalStack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack)) == 0
    lines = Path('/proc/self/maps').read_text().splitlines()
    ranges = [line.split()[0].split('-') for line in lines]
    bounds = [(int(low, 16), int(high, 16)) for low, high in ranges]
    assert any(low <= (stack.start or low) < high for low, high in bounds)
