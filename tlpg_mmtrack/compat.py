# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Makes MMTracking 1.0.0rc1 run on a current stack (torch 2.x, mmcv 2.1, Python 3.10+).

MMTracking's last release is older than the libraries it is used with today. Each function below
is one shim, with its reason; each does nothing where it is not needed, and calling it again
changes nothing. `import tlpg_mmtrack` calls :func:`apply`; after that ``import mmtrack`` works.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType, SimpleNamespace
from typing import Any

import mmcv
import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import digit_version

from .errors import InputError, PackageError

#: A release of mmcv that mmcls 1.0.0rc6, mmdet 3.0.0rc5 and mmtrack 1.0.0rc1 all accept.
ACCEPTED_MMCV_VERSION = '2.0.0rc4'

_STACK_HELP = (
    'install the stack of requirements/ with `make setup`, or by hand: '
    'pip install -r requirements.txt && pip install --no-deps mmtrack==1.0.0rc1'
)


class MissingOperatorError(InputError, NotImplementedError):
    """A compiled operator of mmcv was called, but mmcv-lite, which has none, is installed."""


def apply() -> None:
    """Apply every shim, then import and register MMTracking's and MMDetection's modules.

    Makes `mmtrack` the default registry scope if none is set yet, as
    ``mmtrack.utils.register_all_modules`` does; a scope somebody else chose is left alone.

    Raises:
        PackageError: If something that mmdet or mmtrack imports is missing, or mmcv's operators
            were compiled for another torch; the message says what to install.
    """
    allow_mmengine_checkpoints()
    allow_distributed_on_cpu()
    stand_in_for_compiled_ops()
    import_mmtrack()
    give_mmtrack_prroi_pool()
    stand_in_for_vot_toolkit()


# --- mmcv, mmdet, mmtrack: importing them together ------------------------------------------


@contextmanager
def reported_mmcv_version(version: str = ACCEPTED_MMCV_VERSION) -> Iterator[None]:
    """Report another mmcv version inside the ``with`` block, the true one again after it.

    mmdet 3.0.0rc5 and mmcls 1.0.0rc6 (``mmcv < 2.1.0``) and mmtrack 1.0.0rc1 (``mmcv < 2.0.0``)
    assert on ``mmcv.__version__`` while they are imported. The mmcv they accept forces C++14,
    which torch >= 2.1 does not compile with; mmcv 2.1.0 compiles, and has all they import.

    Args:
        version: The version to report.

    Yields:
        Nothing; the true version is restored also when the block raises.
    """
    true_version = mmcv.__version__
    mmcv.__version__ = version
    try:
        yield
    finally:
        mmcv.__version__ = true_version


def import_mmtrack() -> None:
    """Import mmdet and mmtrack past their version gates and register all their modules.

    Raises:
        PackageError: If something that they import is missing.
    """
    try:
        with reported_mmcv_version():
            importlib.import_module('mmdet')
            importlib.import_module('mmtrack')
            # Registering imports every module of both, and mmcls, inside the gate as well.
            from mmengine import DefaultScope
            from mmtrack.utils import register_all_modules

            register_all_modules(init_default_scope=DefaultScope.get_current_instance() is None)
    except ImportError as error:
        raise PackageError(
            f'tlpg_mmtrack cannot import mmtrack: {error}; {_STACK_HELP}'
        ) from error


# --- mmcv-lite: no compiled operators --------------------------------------------------------


class _UncompiledOps(ModuleType):
    """Module that has every attribute: a function that raises when it is called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> None:
            raise MissingOperatorError(
                f'mmcv.ops: the compiled operator {name!r} was called, but mmcv-lite, which has '
                'no compiled operators, is installed. Set up the full flavour (`make setup '
                'MMCV=full`), or replace mmcv-lite by hand: pip uninstall mmcv-lite && pip '
                "install 'setuptools<80' && MMCV_WITH_OPS=1 pip install --no-build-isolation "
                'mmcv==2.1.0'
            )

        missing.__name__ = missing.__qualname__ = name
        return missing

    def get_compiler_version(self) -> str:
        """What ``mmcv.utils.collect_env`` prints for the compiler of the operators."""
        return 'n/a (mmcv-lite)'

    def get_compiling_cuda_version(self) -> str:
        """Reported as a build of mmcv without CUDA reports it."""
        return 'not available'


def stand_in_for_compiled_ops() -> None:
    """Let ``import mmcv.ops`` succeed under mmcv-lite, which has no ``mmcv._ext``.

    mmdet and mmtrack import ``mmcv.ops`` when they are imported, although SOT models need none of
    its operators. The stand-in ``mmcv._ext`` lets them, and its functions raise
    :class:`MissingOperatorError` when one is called. mmcv's own test for compiled operators
    (``mmcv.utils.ext_loader.check_ops_exist``) still answers False.

    Does nothing where mmcv was compiled.

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
    stand_in = _UncompiledOps('mmcv._ext', 'Stand-in for the operators mmcv-lite does not have.')
    stand_in.__spec__ = ModuleSpec('mmcv._ext', loader=None)
    sys.modules['mmcv._ext'] = stand_in
    mmcv._ext = stand_in


def compiled_prroi_pool_runs() -> bool:
    """Whether ``mmcv.ops.PrRoIPool`` can run: it has a CUDA kernel and no CPU one."""
    from mmcv.ops import get_compiling_cuda_version

    return torch.cuda.is_available() and get_compiling_cuda_version() != 'not available'


def give_mmtrack_prroi_pool() -> None:
    """Give mmtrack's ``FilterInitializer`` and ``IouNetHead`` a PrRoIPool that runs.

    mmcv's operator exists for CUDA and float32 only, so upstream's PrDiMP cannot run on a CPU.
    Ours, in plain PyTorch, takes the same arguments. Where mmcv's runs, each call goes to the one
    that can take its features: a machine with a GPU may still track on its CPU.
    """
    from mmtrack.models.filter import filter_head
    from mmtrack.models.track_heads import iounet_head

    from .ops.prroi_pool import CompiledPrRoIPool, PrRoIPool

    pool = CompiledPrRoIPool if compiled_prroi_pool_runs() else PrRoIPool
    filter_head.PrRoIPool = pool
    iounet_head.PrRoIPool = pool


# --- the VOT toolkit: not installed ----------------------------------------------------------


def stand_in_for_vot_toolkit() -> None:
    """Let mmtrack's VOT protocol and metric run without the VOT toolkit, which is under the GPL.

    Does nothing where the toolkit is installed. See docs/evaluation.md on how its overlaps differ.
    """
    from mmtrack.evaluation.functional import eval_sot_vot
    from mmtrack.models.sot import base

    from .evaluation import vot_stand_in
    from .evaluation.measures.supervised import FAILED, SKIPPED, STARTED

    if eval_sot_vot.vot is not None:
        return
    eval_sot_vot.vot = SimpleNamespace(__name__='stand-in of tlpg_mmtrack')
    eval_sot_vot.bbox2region = base.bbox2region = vot_stand_in.box_region
    eval_sot_vot.calculate_region_overlaps = vot_stand_in.region_overlaps
    eval_sot_vot.is_special = vot_stand_in.is_special
    eval_sot_vot.Special = SimpleNamespace(UNKNOWN=SKIPPED, INITIALIZATION=STARTED, FAILURE=FAILED)
    base.calculate_region_overlap = vot_stand_in.region_overlap


# --- torch: loading checkpoints --------------------------------------------------------------


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load`` read the checkpoints mmengine writes, without unsafe loading.

    mmengine 0.10.7 calls ``torch.load(file)``, which since torch 2.6 means ``weights_only=True``
    and refuses mmengine's own files: they hold the log history (``HistoryBuffer``, around numpy
    arrays) and numpy scalars. These plain data classes are put on torch's allow-list, for the
    whole process; arbitrary code in a checkpoint stays refused.

    Does nothing before torch 2.6, where ``torch.load`` has no such default.
    """
    if digit_version(torch.__version__) < digit_version('2.6.0'):
        return
    # A HistoryBuffer's state refers to its own methods, pickled as getattr(HistoryBuffer, name).
    method_lookup = (_history_buffer_method, 'builtins.getattr')
    torch.serialization.add_safe_globals([HistoryBuffer, method_lookup, *_numpy_data_classes()])


def _history_buffer_method(owner: Any, name: str) -> Callable[..., Any]:
    """Stand in for ``getattr`` while a checkpoint is read: the statistics of a log, nothing else.

    ``getattr`` itself on the allow-list would let a checkpoint reach any function.

    Raises:
        UnpicklingError: If anything else is asked for.
    """
    if owner is HistoryBuffer and name in ('current', 'max', 'mean', 'min'):
        return getattr(owner, name)
    raise UnpicklingError(f'checkpoint: refused to read getattr({owner!r}, {name!r})')


def _numpy_data_classes() -> list[Any]:
    """What the pickle of a numpy scalar or array of numbers or text refers to.

    numpy 2 renamed ``numpy.core`` to ``numpy._core``: both names are given, so that a file
    written with either is read by either.
    """
    multiarray = importlib.import_module(
        'numpy._core.multiarray'
        if np.lib.NumpyVersion(np.__version__) >= '2.0.0'
        else 'numpy.core.multiarray'
    )
    functions = [
        (function, f'numpy.{package}.multiarray.{name}')
        for package in ('core', '_core')
        for name, function in (
            ('scalar', multiarray.scalar),
            ('_reconstruct', multiarray._reconstruct),
        )
    ]
    dtypes = {type(np.dtype(code)) for code in '?bhilqBHILQefdgFDGSU'}
    return [np.ndarray, np.dtype, *sorted(dtypes, key=str), *functions]


# --- mmengine: several processes on a CPU ----------------------------------------------------


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


# --- mmtrack's command-line tools ------------------------------------------------------------


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
        FileNotFoundError: If mmtrack was installed without its tools.
    """
    import mmtrack

    path = Path(mmtrack.__file__).parent / '.mim' / 'tools' / name
    if not path.is_file():
        raise FileNotFoundError(
            f"mmtrack's own tools/{name} is not at {path}: mmtrack was not installed from its "
            'wheel; run: pip install --no-deps --force-reinstall mmtrack==1.0.0rc1'
        )
    spec = importlib.util.spec_from_file_location(f'mmtrack_tools_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
