# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmengine's launchers on a CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def allow_distributed_on_cpu() -> None:
    """Let mmengine's launchers run on a machine without CUDA.

    mmengine 0.10.7 calls ``torch.cuda.set_device`` in every process and passes ``device_ids`` to
    ``DistributedDataParallel`` whatever the model's device: both raise without CUDA. And mmtrack's
    configs ask for the ``nccl`` backend, which is CUDA's; ``gloo`` takes its place.

    Does nothing in a process where CUDA is available.
    """
    from mmengine.dist import utils
    from mmengine.model.wrappers import MMDistributedDataParallel

    for name in ('_init_dist_pytorch', '_init_dist_mpi', '_init_dist_slurm'):
        _patch(utils, name, _start_without_cuda)
    _patch(MMDistributedDataParallel, '__init__', _wrap_without_device_ids)


def _patch(owner: Any, name: str, decorate: Callable[[Callable], Callable]) -> None:
    """Replace ``owner.name`` by its decorated self, once."""
    original = getattr(owner, name)
    if getattr(original, 'patched_by_tlpg', False):
        return
    patched = functools.wraps(original)(decorate(original))
    patched.patched_by_tlpg = True
    setattr(owner, name, patched)


def _start_without_cuda(init: Callable[..., None]) -> Callable[..., None]:
    """Make one of mmengine's ``_init_dist_*`` use gloo, and no CUDA device, without CUDA."""

    def init_dist(backend: str, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            init(backend, **kwargs)
            return
        set_device = torch.cuda.set_device
        torch.cuda.set_device = lambda device: None
        try:
            init('gloo' if backend == 'nccl' else backend, **kwargs)
        finally:
            torch.cuda.set_device = set_device

    return init_dist


def _wrap_without_device_ids(init: Callable[..., None]) -> Callable[..., None]:
    """Make ``MMDistributedDataParallel`` take a model on the CPU with mmengine's arguments."""

    def __init__(self: Any, module: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
        if all(parameter.device.type == 'cpu' for parameter in module.parameters()):
            kwargs['device_ids'] = None
        init(self, module, *args, **kwargs)

    return __init__
