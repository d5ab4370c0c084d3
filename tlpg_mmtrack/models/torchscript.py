# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Parts of a network as TorchScript, which spares the time that Python takes between operators.

PyTorch calls TorchScript deprecated in favour of ``torch.compile``, which needs a C++ compiler
where the tracker runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

Tensors = Tensor | tuple['Tensors', ...]
"""A tensor, or tuples of tensors within each other."""


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


class TracedFunction:
    """A function that is traced, once for each combination of its inputs' shapes, and then run so.

    The operators are the function's own, so results are the same bit for bit, and so are the
    parameters and buffers: loading others needs no new trace. What else it reads must stay as it
    is, and its course must not depend on values. Outside of inference mode, and where
    :func:`may_replace` says no, the function itself is called.

    Args:
        function: Takes and returns tensors, or tuples of them.
        modules: The modules that it calls.
    """

    def __init__(self, function: Callable[..., Tensors], modules: Sequence[nn.Module]) -> None:
        self.function = function
        self._weights = Weights(modules)
        self.traces: dict[tuple[torch.Size, ...], torch.jit.ScriptFunction] = {}

    def __call__(self, *inputs: Tensors) -> Tensors:
        """Run the function."""
        tensors = list(flatten(inputs))
        if not (torch.is_inference_mode_enabled() and all(map(may_replace, tensors))):
            return self.function(*inputs)
        key = tuple(tensor.shape for tensor in tensors)
        if key not in self.traces:
            self.traces[key] = self._trace(inputs)
        return self.traces[key](self._weights.get(), *inputs)

    def _trace(self, inputs: tuple[Tensors, ...]) -> torch.jit.ScriptFunction:
        def run(weights: tuple[Tensor, ...], *inputs: Tensors) -> Tensors:
            # As constants they would stay what they are now.
            with self._weights.replaced_by(weights):
                return self.function(*inputs)

        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            # Checks of shapes, which are the same at every call.
            warnings.simplefilter('ignore', torch.jit.TracerWarning)
            return torch.jit.trace(run, (self._weights.get(), *inputs), check_trace=False)


class Weights:
    """Parameters and buffers of some modules: ``torch.func.functional_call`` cannot be traced."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        parts = dict.fromkeys(part for module in modules for part in module.modules())
        self._places = [
            (tensors, name)
            for part in parts
            # A trace would keep one constant for buffers that are equal at the time.
            for tensors in (part._parameters, part._buffers)
            for name, tensor in tensors.items()
            if tensor is not None
        ]

    def get(self) -> tuple[Tensor, ...]:
        """The tensors as they are."""
        return tuple(tensors[name] for tensors, name in self._places)

    def versions(self) -> list[tuple[int, int]]:
        """Equal as long as no tensor is replaced or written to."""
        # Tensors made in inference mode count no versions.
        return [(t.data_ptr(), 0 if t.is_inference() else t._version) for t in self.get()]

    @contextmanager
    def replaced_by(self, weights: Sequence[Tensor]) -> Iterator[None]:
        """Put others in their place for a while."""
        own = self.get()
        self._set(weights)
        try:
            yield
        finally:
            self._set(own)

    def _set(self, weights: Sequence[Tensor]) -> None:
        for (tensors, name), weight in zip(self._places, weights, strict=True):
            tensors[name] = weight


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
