# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmengine's launchers on a CPU, and mmtrack's own command-line tools."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
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


def leave_process_group() -> None:
    """Destroy torch's default process group, as a program should before it ends.

    mmengine never does. With gloo, a process that ends while its group's threads run may abort
    (``terminate called without an active exception``), now and then and more often on a busy
    machine; the launcher then calls a run failed that has done all of its work.

    Does nothing where there is no process group. Meant for runs that went well: after an error,
    it could wait for processes that wait for this one.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _patch(owner: Any, name: str, decorate: Callable[[Callable], Callable]) -> None:
    """Replace ``owner.name`` by its decorated self, once."""
    original = getattr(owner, name)
    if getattr(original, 'patched_by_tlpg', False):
        return
    patched = functools.wraps(original)(decorate(original))
    patched.patched_by_tlpg = True
    setattr(owner, name, patched)


def _start_without_cuda(init: Callable[..., None]) -> Callable[..., None]:
    """Make one of mmengine's ``_init_dist_*`` use gloo, and no CUDA device, where CUDA is not."""

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


def load_mmtrack_tool(name: str) -> ModuleType:
    """Load one of the tools that mmtrack ships beside its package, such as ``train.py``.

    mmtrack's wheel holds its ``tools/`` in ``mmtrack/.mim``, where no import reaches them. The
    tool is loaded as a module of its own name, not as ``__main__``: processes that are spawned
    for it then start from our script, which applies these shims, and not from mmtrack's.

    Args:
        name: File name of the tool.

    Returns:
        The tool's module; ``main()`` runs it with ``sys.argv``.

    Raises:
        InputError: If mmtrack was installed without its tools.
    """
    import mmtrack

    from ..utils.config import hide_environment_variables
    from ..utils.errors import InputError

    hide_environment_variables()
    path = Path(mmtrack.__file__).parent / '.mim' / 'tools' / name
    if not path.is_file():
        raise InputError(
            f"mmtrack's own tools/{name} is not at {path}: mmtrack was not installed from its "
            'wheel; run: pip install --no-deps --force-reinstall mmtrack==1.0.0rc1'
        )
    spec = importlib.util.spec_from_file_location(f'mmtrack_tools_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
