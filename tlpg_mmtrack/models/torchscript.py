# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Parts of a network as TorchScript, which spares the time that Python takes between operators.

PyTorch calls TorchScript deprecated in favour of ``torch.compile``, which needs a C++ compiler
where the tracker runs.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

Tensors = Tensor | tuple['Tensors', ...]  #: A tensor, or tuples of tensors within each other.


def may_replace(like: Tensor) -> bool:
    """Whether something else may run what PyTorch's operators would, on inputs like this one.

    Not on a GPU, where nothing was measured, nor where somebody else changes types or records.
    """
    return (
        like.device.type == 'cpu'
        and like.dtype in (torch.float32, torch.uint8)
        and not torch.is_autocast_enabled('cpu')
        and not torch.jit.is_tracing()
        and not torch.compiler.is_compiling()
    )


class ReplacedFunction(ABC):
    """A function that something else runs, made once for each combination of inputs' shapes.

    It is made anew after a weight of its modules has changed. What else the function reads must
    stay as it is, and its course must not depend on values. Outside of inference mode, and where
    :func:`may_replace` says no, the function itself is called.
    """

    def __init__(self, function: Callable[..., Tensors], modules: Sequence[nn.Module]) -> None:
        self.function = function
        parts = dict.fromkeys(part for module in modules for part in module.modules())
        self._weights = [
            (tensors, name)
            for part in parts
            for tensors in (part._parameters, part._buffers)
            for name, tensor in tensors.items()
            if tensor is not None
        ]
        self._versions: list[tuple[int, int]] = []
        self.made: dict[tuple[torch.Size, ...], Callable[..., Tensors]] = {}

    def __call__(self, *inputs: Tensors) -> Tensors:
        tensors = list(flatten(inputs))
        if not (torch.is_inference_mode_enabled() and all(map(may_replace, tensors))):
            return self.function(*inputs)
        weights = (tensors[name] for tensors, name in self._weights)
        # Tensors made in inference mode count no versions.
        versions = [(t.data_ptr(), 0 if t.is_inference() else t._version) for t in weights]
        if versions != self._versions:
            self._versions = versions
            self.made.clear()
        key = tuple(tensor.shape for tensor in tensors)
        if key not in self.made:
            self.made[key] = self._make(inputs)
        return self.made[key](*inputs)

    @abstractmethod
    def _make(self, inputs: tuple[Tensors, ...]) -> Callable[..., Tensors]:
        """What runs the function on inputs of these shapes."""

    def _trace(
        self, function: Callable[..., Tensors], inputs: tuple[Tensors, ...]
    ) -> torch.jit.ScriptFunction:
        """Trace a function that calls the modules; their weights become constants."""
        own = [tensors[name] for tensors, name in self._weights]
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            # Checks of shapes, which are the same at every call.
            warnings.simplefilter('ignore', torch.jit.TracerWarning)
            try:
                # What wants a gradient cannot be a constant.
                for (tensors, name), weight in zip(self._weights, own, strict=True):
                    tensors[name] = weight.detach()
                return torch.jit.trace(function, inputs, check_trace=False)
            finally:
                for (tensors, name), weight in zip(self._weights, own, strict=True):
                    tensors[name] = weight


class TracedFunction(ReplacedFunction):
    """A function run by TorchScript: its own operators, so the same results bit for bit."""

    def _make(self, inputs: tuple[Tensors, ...]) -> torch.jit.ScriptFunction:
        # A module, or its method, is not traced as a function.
        return self._trace(lambda *inputs: self.function(*inputs), inputs)


def tensors_of(record: Any) -> tuple[Tensor, ...]:
    """The fields of a dataclass of tensors themselves; ``dataclasses.astuple`` would copy them."""
    return tuple(getattr(record, field.name) for field in fields(record))


def flatten(inputs: Tensors) -> Iterator[Tensor]:
    """Every tensor."""
    if isinstance(inputs, Tensor):
        yield inputs
        return
    for value in inputs:
        yield from flatten(value)
