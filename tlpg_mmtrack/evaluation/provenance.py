# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What results belong to: videos, data, config, weights and seed; and what made them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    from mmtrack.datasets import BaseSOTDataset

#: Packages whose version can change a result.
PACKAGES = (
    *('mmtrack', 'mmdet', 'mmengine', 'mmcv', 'mmcv-lite', 'torch', 'numpy', 'opencv-python'),
    'openvino',
)
SIZES = 16  #: Files of a video whose size is looked at; LaSOT's videos alone have 690,000.
_FRAME_FOLDERS = ('img', 'color')  #: Folders of frames inside a video's own folder.


def video_names(dataset: BaseSOTDataset) -> list[str]:
    """Name every video of one of mmtrack's data sets, after its folder or annotation file.

    Several of OTB's and UAV123's videos share a folder of frames, which mmtrack's metric takes:
    ``Jogging/groundtruth_rect.2.txt`` is ``Jogging-2``, ``anno/UAV123/bird1_3.txt`` ``bird1_3``.
    An InputError if two videos have the same name.
    """
    infos = [dataset.get_data_info(index) for index in range(dataset.num_videos)]
    names = [_name(info['video_path'], info['ann_path']) for info in infos]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(
            f'dataset: several videos are named {repeated[0]!r} after their folder and annotation '
            'file; name them apart in the list of videos'
        )
    return names


def _name(video_path: str, annotation_path: str) -> str:
    *_, parent, folder = ('', *PurePath(video_path).parts)
    folder = parent if parent and folder in _FRAME_FOLDERS else folder
    annotation = PurePath(annotation_path).stem
    if not annotation.startswith('groundtruth'):
        return annotation
    target = re.fullmatch(r'groundtruth_rect\.(\d+)', annotation)
    return f'{folder}-{target[1]}' if target else folder


def data_fingerprint(
    images: Sequence[str | Path], annotations: Sequence[np.ndarray] = ()
) -> str | None:
    """SHA-256 of all frames' names, some files' sizes, the first's content, and annotations.

    A copy of the data has the same; data encoded anew, renumbered or cut have another. Benchmarks
    have hundreds of gigabytes: a single later frame that was replaced goes unnoticed unless it is
    one of ``SIZES``, evenly spread, and of another size. None where the first frame, of the
    ``images`` in order, cannot be read.
    """
    try:
        digest = hashlib.sha256(Path(images[0]).read_bytes())
    except OSError:
        return None
    for path in images:
        digest.update(os.fsencode(os.path.basename(path)) + b'\n')
    for index in np.linspace(0, len(images) - 1, min(SIZES, len(images)), dtype=int):
        with suppress(OSError):
            digest.update(f'{Path(images[index]).stat().st_size}\n'.encode())
    for values in annotations:
        digest.update(f'{values.dtype} {values.shape}\n'.encode() + values.tobytes())
    return digest.hexdigest()


def run_identity(config: Config, model: nn.Module, seed: int) -> dict[str, Any]:
    """What decides the results of a test run; where equal, they are the same on one machine.

    Of the runner's config these are its model, its test data and its test loop; not the number of
    workers, where results are written, or what is computed from them. All are values of JSON.
    """
    loop = dict(config.get('test_cfg') or {})
    loop.pop('results_dir', None)
    dataset = (config.get('test_dataloader') or {}).get('dataset')
    # As JSON has it, in one form: tuples as lists, the rest as text.
    parts = json.loads(
        json.dumps(dict(model=config.get('model'), dataset=dataset, test_cfg=loop), default=repr)
    )
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
    """What a run is made with, for the manifest: versions, hardware, time."""
    # A checkout on the path is not an installed package.
    from tlpg_mmtrack import __version__

    packages = {'tlpg_mmtrack': __version__}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            packages[name] = metadata.version(name)
    return dict(
        started=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        checkpoint=checkpoint,
        python=sys.version.split()[0],
        packages=packages,
        processes=processes,
        threads=torch.get_num_threads(),
        cpu=processor(),
        cores=os.cpu_count(),
        gpus=[torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    )


def processor() -> str:
    """Name of the processor, where Linux tells it, else of its architecture."""
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        return next(line for line in lines if line.startswith('model name')).partition(': ')[2]
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
