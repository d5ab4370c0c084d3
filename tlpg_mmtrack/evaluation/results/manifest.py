# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What results belong to: the config, the weights and the seed; and what they were made with."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

#: Packages whose version can change a result.
PACKAGES = ('tlpg_mmtrack', 'mmtrack', 'mmdet', 'mmengine', 'torch', 'numpy', 'opencv-python')
MMCV_NAMES = ('mmcv', 'mmcv-lite')


def run_identity(config: Config, model: nn.Module, seed: int) -> dict[str, Any]:
    """What decides the results of a test run.

    Two runs whose identities are equal give the same results on the same machine.

    Args:
        config: The runner's config. Its model, its test data and its test loop are taken; not
            the number of workers, where results are written, or what is computed from them.
        model: The model, with its weights loaded.
        seed: Random seed that each video starts from.

    Returns:
        Values that JSON has.
    """
    loop = dict(config.get('test_cfg') or {})
    loop.pop('results_dir', None)
    dataset = (config.get('test_dataloader') or {}).get('dataset')
    parts = _plain(dict(model=config.get('model'), dataset=dataset, test_cfg=loop))
    return dict(config=parts, weights_sha256=weights_sha256(model), seed=seed)


def weights_sha256(model: nn.Module) -> str:
    """Hash of all parameters and buffers, whatever file they came from, in hexadecimal."""
    digest = hashlib.sha256()
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}\n'.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def environment(checkpoint: str | None, processes: int) -> dict[str, Any]:
    """What a run is made with, for the manifest: versions, hardware, time.

    Args:
        checkpoint: The file that weights were loaded from.
        processes: Number of processes.
    """
    devices = range(torch.cuda.device_count())
    return dict(
        started=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        checkpoint=checkpoint,
        python=sys.version.split()[0],
        packages={name: _version(name) for name in PACKAGES}
        | {'mmcv': next(filter(None, map(_version, MMCV_NAMES)), None)},
        processes=processes,
        threads=torch.get_num_threads(),
        cpu=_cpu(),
        cores=os.cpu_count(),
        gpus=[torch.cuda.get_device_name(index) for index in devices],
    )


def _version(package: str) -> str | None:
    if package == 'tlpg_mmtrack':
        # A checkout on the path is not an installed package.
        from tlpg_mmtrack import __version__

        return __version__
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        return next(line for line in lines if line.startswith('model name')).partition(': ')[2]
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _plain(value: Any) -> Any:
    """A config's value as JSON has it, in one form: tuples as lists, the rest as text."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
