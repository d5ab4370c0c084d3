# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Loading mmengine's checkpoints with ``torch.load(weights_only=True)``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import digit_version


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
    """Stand in for ``getattr``, by which a checkpoint could reach any function."""
    if owner is HistoryBuffer and name in ('current', 'max', 'mean', 'min'):
        return getattr(owner, name)
    raise UnpicklingError(f'checkpoint: refused to read getattr({owner!r}, {name!r})')


def _numpy_data_classes() -> list[Any]:
    """What the pickle of a numpy scalar or array of numbers or text refers to."""
    multiarray = importlib.import_module(
        'numpy._core.multiarray'
        if np.lib.NumpyVersion(np.__version__) >= '2.0.0'
        else 'numpy.core.multiarray'
    )
    # Under the names of both numpy 1 and 2, either of which may have written the file.
    functions = [
        (getattr(multiarray, name), f'numpy.{package}.multiarray.{name}')
        for package in ('core', '_core')
        for name in ('scalar', '_reconstruct')
    ]
    dtypes = {type(np.dtype(code)) for code in '?bhilqBHILQefdgFDGSU'}
    return [np.ndarray, np.dtype, *sorted(dtypes, key=str), *functions]
