# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Functions of mmengine and mmtrack that are wrapped."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
import torch


def allow_distributed_on_cpu() -> None:
    """Let mmengine's launchers run on a machine without CUDA.

    mmengine 0.10.7 calls ``torch.cuda.set_device`` in every process and passes ``device_ids`` to
    ``DistributedDataParallel`` whatever the model's device: both raise without CUDA. And mmtrack's
    configs ask for the ``nccl`` backend, which is CUDA's; ``gloo`` takes its place.
    """
    from mmengine.dist import utils
    from mmengine.model.wrappers import MMDistributedDataParallel

    for name in ('_init_dist_pytorch', '_init_dist_mpi', '_init_dist_slurm'):
        setattr(utils, name, _without_cuda(getattr(utils, name)))
    MMDistributedDataParallel.__init__ = _without_device_ids(MMDistributedDataParallel.__init__)


def _without_cuda(init: Callable[..., None]) -> Callable[..., None]:
    """One of mmengine's ``_init_dist_*`` that uses gloo, and no CUDA device, without CUDA."""

    @functools.wraps(init)
    def init_dist(backend: str, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            init(backend, **kwargs)
            return
        with patch.object(torch.cuda, 'set_device'):
            init('gloo' if backend == 'nccl' else backend, **kwargs)

    return init_dist


def _without_device_ids(init: Callable[..., None]) -> Callable[..., None]:
    """``MMDistributedDataParallel.__init__`` that takes a model on the CPU."""

    @functools.wraps(init)
    def __init__(self: Any, module: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
        if all(parameter.device.type == 'cpu' for parameter in module.parameters()):
            kwargs['device_ids'] = None
        init(self, module, *args, **kwargs)

    return __init__


def lay_out_configs_once() -> None:
    """Let mmengine lay out the text of a config once, not three times for each runner.

    yapf takes a second or more each time. The last text alone is kept.
    """
    from mmengine.config import config

    lay_out, last = config.FormatCode, {}

    def remember(text: str, **style: Any) -> tuple[str, bool]:
        if text not in last:
            last.clear()
            last[text] = lay_out(text, **style)
        return last[text]

    config.FormatCode = remember


class _ScalarLike(np.ndarray):
    """An array that ``float`` and ``int`` take where it has one element, of any shape."""

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())


def allow_one_element_arrays() -> None:
    """Let mmtrack's crops run on numpy 2.4 and later.

    ``SeqCropLikeStark`` and ``CropLikeDiMP`` call ``math.sqrt`` and ``int`` on arrays of one
    element. The boxes that they crop around are passed as arrays which allow it.
    """
    from mmtrack.datasets.transforms import CropLikeDiMP, SeqCropLikeStark

    CropLikeDiMP.crop_like_dimp = _with_scalar_like_box(CropLikeDiMP.crop_like_dimp)
    SeqCropLikeStark.crop_like_stark = _with_scalar_like_box(SeqCropLikeStark.crop_like_stark)


def _with_scalar_like_box(crop: Callable[..., Any]) -> Callable[..., Any]:
    """A method (img, bbox, ...) that is given its box as :class:`_ScalarLike`."""

    @functools.wraps(crop)
    def wrapped(self: Any, img: np.ndarray, bbox: np.ndarray, *args: Any, **kwargs: Any) -> Any:
        return crop(self, img, np.asarray(bbox).view(_ScalarLike), *args, **kwargs)

    return wrapped
