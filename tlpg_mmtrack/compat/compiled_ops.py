# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmcv's compiled operators: a stand-in where there are none, and a PrRoIPool for any device."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec

import mmcv
import torch

from ..utils.errors import InputError, PackageError
from .stand_ins import StandIn


class MissingOperatorError(InputError, NotImplementedError):
    """A compiled operator of mmcv was called, but mmcv-lite, which has none, is installed."""


def stand_in_for_compiled_ops() -> None:
    """Let ``import mmcv.ops`` succeed under mmcv-lite, which has no ``mmcv._ext``.

    mmdet and mmtrack import ``mmcv.ops``, although SOT models need none of its operators. Those of
    the stand-in raise :class:`MissingOperatorError`, and ``mmcv.utils.ext_loader.check_ops_exist``
    still answers False.

    Raises:
        PackageError: If mmcv was compiled, but for another torch or Python.
    """
    if 'mmcv._ext' in sys.modules:
        return
    if importlib.util.find_spec('mmcv._ext') is not None:
        try:
            importlib.import_module('mmcv._ext')
        except ImportError as error:
            raise PackageError(
                f"mmcv's compiled operators do not load with torch {torch.__version__}: {error}. "
                'They were built for another torch; build them again: MMCV_WITH_OPS=1 pip install '
                '--force-reinstall --no-deps --no-build-isolation --no-cache-dir mmcv==2.1.0'
            ) from error
        return
    stand_in = StandIn('mmcv._ext', _missing)
    # mmcv.utils.collect_env prints these.
    stand_in.get_compiler_version = lambda: 'n/a (mmcv-lite)'
    stand_in.get_compiling_cuda_version = lambda: 'not available'
    stand_in.__spec__ = ModuleSpec('mmcv._ext', loader=None)
    sys.modules['mmcv._ext'] = mmcv._ext = stand_in


def _missing(operator: str) -> MissingOperatorError:
    return MissingOperatorError(
        f'mmcv.ops: the compiled operator {operator!r} was called, but mmcv-lite, which has no '
        'compiled operators, is installed. Set up the full flavour (`make setup MMCV=full`), or '
        "replace mmcv-lite by hand: pip uninstall mmcv-lite && pip install 'setuptools<80' && "
        'MMCV_WITH_OPS=1 pip install --no-build-isolation mmcv==2.1.0'
    )


def compiled_prroi_pool_runs() -> bool:
    """Whether ``mmcv.ops.PrRoIPool`` can run: it has a CUDA kernel and no CPU one."""
    from mmcv.ops import get_compiling_cuda_version

    return torch.cuda.is_available() and get_compiling_cuda_version() != 'not available'


def give_mmtrack_prroi_pool() -> None:
    """Give mmtrack's ``FilterInitializer`` and ``IouNetHead`` a PrRoIPool that runs.

    mmcv's is for CUDA and float32 only, so upstream's PrDiMP cannot run on a CPU. Ours, in plain
    PyTorch, takes the same arguments. Where mmcv's runs, each call goes to the one that can take
    its features: a machine with a GPU may still track on its CPU.
    """
    from mmtrack.models.filter import filter_head
    from mmtrack.models.track_heads import iounet_head

    from ..ops.prroi_pool import CompiledPrRoIPool, PrRoIPool

    pool = CompiledPrRoIPool if compiled_prroi_pool_runs() else PrRoIPool
    filter_head.PrRoIPool = iounet_head.PrRoIPool = pool
