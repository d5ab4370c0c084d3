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

from .torchscript import ReplacedFunction, Tensors, flatten

#: What can run the per-frame network; see :class:`TrackingOptions`.
RUNTIMES = ('auto', 'torch', 'openvino', 'openvino_bf16')


def is_installed() -> bool:
    return find_spec('openvino') is not None


def chosen_runtime(name: str) -> str:
    """What ``'auto'`` stands for here; any other of :data:`RUNTIMES` stands for itself.

    A PackageError if OpenVINO is asked for by name and is not installed.
    """
    if name == 'auto':
        return 'openvino' if is_installed() else 'torch'
    if name != 'torch' and find_spec('openvino') is None:
        raise PackageError(
            f'test_cfg.runtime: {name!r} needs OpenVINO; pip install -r requirements/fast.txt'
        )
    return name


class OpenVINOFunction(ReplacedFunction):
    """A function that OpenVINO runs, with as many threads as PyTorch has when it is converted.

    ``precision`` is ``'f32'`` or, on a processor that has instructions for it, ``'bf16'``.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        modules: Sequence[nn.Module],
        precision: str = 'f32',
    ) -> None:
        super().__init__(function, modules)
        self._precision = precision

    def _make(self, inputs: tuple[Tensors, ...]) -> Callable[..., tuple[Tensor, ...]]:
        # A graph keeps the memory that it computes in.
        self.made.clear()
        graph = self._compile(inputs)

        def run(*inputs: Tensors) -> tuple[Tensor, ...]:
            arrays = [_channels_last(value).contiguous().numpy() for value in flatten(inputs)]
            outputs = graph(arrays, share_inputs=True, share_outputs=False).values()
            return tuple(_channels_first(torch.from_numpy(output)) for output in outputs)

        return run

    def _compile(self, inputs: tuple[Tensors, ...]) -> Callable[..., Any]:
        def run(*maps: Tensor) -> tuple[Tensor, ...]:
            """The function; maps come and go as they lie in OpenVINO."""
            values = _nested(inputs, map(_channels_first, maps))
            return tuple(map(_channels_last, self.function(*values)))

        openvino, core = _openvino()
        # What is kept outlives the call, and gradients may be wanted of the weights.
        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            examples = tuple(_channels_last(value).clone() for value in flatten(inputs))
            traced = self._trace(run, examples)
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
