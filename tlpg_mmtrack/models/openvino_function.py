# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Functions of fixed weights as OpenVINO graphs, which a CPU runs faster than PyTorch's operators.

OpenVINO converts a trace in this process: no file, no compiler. Where it is not installed
(requirements/fast.txt) PyTorch runs the functions themselves.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from tlpg_mmtrack.utils.errors import PackageError

from .torchscript import Tensors, Weights, flatten, may_replace

RUNTIMES = ('auto', 'torch', 'openvino', 'openvino_bf16')
"""What can run the per-frame network; see :class:`TrackingOptions`."""


def is_installed() -> bool:
    """Whether there is OpenVINO."""
    return find_spec('openvino') is not None


def chosen_runtime(name: str) -> str:
    """What ``'auto'`` stands for here; any other of :data:`RUNTIMES` stands for itself.

    Raises:
        PackageError: If OpenVINO is asked for by name and is not installed.
    """
    if name == 'auto':
        return 'openvino' if is_installed() else 'torch'
    if name != 'torch' and find_spec('openvino') is None:
        raise PackageError(
            f'test_cfg.runtime: {name!r} needs OpenVINO; pip install -r requirements/fast.txt'
        )
    return name


class OpenVINOFunction:
    """A function that OpenVINO converts at its first call, and runs from then on.

    It is converted anew when a weight or the shape of an input has changed, and runs with as many
    threads as PyTorch has at the time. When it is not used, and what a function may be, is as for
    :class:`~.torchscript.TracedFunction`.

    Args:
        function: Returns a tuple of tensors.
        modules: The modules that it calls.
        precision: ``'f32'``; or ``'bf16'``, on a processor that has instructions for it.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        modules: Sequence[nn.Module],
        precision: str = 'f32',
    ) -> None:
        self.function = function
        self._modules = modules
        self._weights = Weights(modules)
        self._precision = precision
        self._made_of: tuple[list, list] | None = None
        self._graph: Callable[..., Any] = function

    def __call__(self, *inputs: Tensors) -> tuple[Tensor, ...]:
        """Run the function."""
        tensors = list(flatten(inputs))
        if not (torch.is_inference_mode_enabled() and all(map(may_replace, tensors))):
            return self.function(*inputs)
        made_of = self._weights.versions(), [value.shape for value in tensors]
        if made_of != self._made_of:
            self._graph, self._made_of = self._compile(inputs), made_of
        arrays = [_channels_last(value).contiguous().numpy() for value in tensors]
        outputs = self._graph(arrays, share_inputs=True, share_outputs=False)
        return tuple(
            _channels_first(torch.from_numpy(outputs[index])) for index in range(len(outputs))
        )

    def _compile(self, inputs: Sequence[Tensors]) -> Callable[..., Any]:
        openvino, core = _openvino()
        # What is kept outlives the call, and gradients may be wanted of the weights.
        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            examples = tuple(_channels_last(value).clone() for value in flatten(inputs))
            module = _ChannelsLast(self.function, self._modules, inputs).eval()
            traced = torch.jit.trace(module, examples, check_trace=False)
            shapes = [tuple(value.shape) for value in examples]
            graph = openvino.convert_model(traced, input=shapes, example_input=examples)
        return core.compile_model(
            graph,
            'CPU',
            {
                'INFERENCE_PRECISION_HINT': self._precision,
                'INFERENCE_NUM_THREADS': torch.get_num_threads(),
                'PERFORMANCE_HINT': 'LATENCY',
                # Else all processes keep to the same cores.
                'ENABLE_CPU_PINNING': False,
            },
        )


class _ChannelsLast(nn.Module):
    """A function, called as with ``inputs``, whose maps come and go as they lie in OpenVINO."""

    def __init__(
        self, function: Callable, modules: Sequence[nn.Module], inputs: Sequence[Tensors]
    ) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)
        self._like = inputs

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        values = map(_channels_first, inputs)
        return tuple(map(_channels_last, self.function(*_nested(self._like, values))))


def _nested(like: Sequence[Tensors], values: Iterator[Tensor]) -> tuple[Tensors, ...]:
    """Values in tuples as others are."""
    return tuple(
        next(values) if isinstance(each, Tensor) else _nested(each, values) for each in like
    )


def _channels_last(value: Tensor) -> Tensor:
    """A view of maps (N, C, H, W) as (N, H, W, C); others as they are."""
    return value.permute(0, 2, 3, 1) if value.dim() == 4 else value


def _channels_first(value: Tensor) -> Tensor:
    return value.permute(0, 3, 1, 2) if value.dim() == 4 else value


@cache
def _openvino() -> tuple[ModuleType, Any]:
    """OpenVINO, and the one core that compiles in this process.

    It is imported without its telemetry, which would report the import to Google Analytics.
    """
    sys.modules.setdefault('openvino_telemetry', None)
    openvino = importlib.import_module('openvino')
    # Never let go: a core moves the stack of signal handlers, and frees it at its end without
    # putting the last one back. The next signal, such as Ctrl-C, would kill the process.
    return openvino, openvino.Core()
