# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Compute a frozen backbone's maps of training crops once, for trainings that read them.

Draws the first samples of a config's training set (its train_dataloader.dataset, or image_dataset
where that is a StoredFeatureDataset), through its whole pipeline, runs the backbone on their
crops, and writes its maps with the targets' boxes. A config whose train_dataloader reads a
StoredFeatureDataset then trains on them without the backbone. Interrupted, the same command goes
on where it stopped. Each sample takes (EfficientNet-Lite0, six crops) 1.1 MB of disk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from rich.progress import Progress
from tlpg_tools.allocator import keep_freed_memory
from tlpg_tools.command_line import (
    add_changes,
    change_config,
    command,
    describe,
    positive,
)

from tlpg_mmtrack.datasets.stored_feature_dataset import FeatureStore
from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.config import read_config
from tlpg_mmtrack.utils.errors import FileError, InputError

BATCH = 4
"""Samples whose crops run through the backbone together."""


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = describe(
        __doc__,
        'tools/store_features.py configs/tlpg/tlpg_efflite0_small_iou.py data/features '
        '--samples 8000',
    )
    parser.add_argument('config', type=Path, help='training config of a frozen backbone')
    parser.add_argument('folder', type=Path, help='folder to write to')
    parser.add_argument('--samples', type=positive, required=True, help='how many samples')
    parser.add_argument(
        '--workers', type=positive, default=os.cpu_count(), help='processes (default: one a CPU)'
    )
    add_changes(parser)
    return parser.parse_args(arguments)


def images_of(config: Config) -> ConfigDict:
    """The dataset whose samples are stored for a training config.

    That is what its train_dataloader reads; where it reads a store, its ``image_dataset``.

    Raises:
        InputError: If it has neither.
    """
    trained = (config.get('train_dataloader') or {}).get('dataset')
    if trained and trained.get('type') != 'StoredFeatureDataset':
        return trained
    if not config.get('image_dataset'):
        raise InputError(
            f'config: {config.filename} names no images to store features of; give it a '
            'train_dataloader.dataset that reads images, or an image_dataset'
        )
    return config.image_dataset


def source_hash(config: Config) -> str:
    """SHA-256 of all that decides what is stored for a training config."""
    model = config.model
    parts = dict(
        backbone=model.backbone,
        mean=model.get('mean'),
        std=model.get('std'),
        bgr_to_rgb=model.get('bgr_to_rgb'),
        dataset=images_of(config),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def create_store(folder: Path, manifest: dict[str, Any]) -> FeatureStore:
    """Open a store for writing: an existing one to go on with, or a new one.

    Raises:
        InputError: If the folder holds a store of something else, or of another size.
        FileError: If the disk has no room for it.
    """
    if (folder / 'manifest.json').exists():
        store = FeatureStore(folder, writable=True)
        count = store.manifest['samples']
        if store.manifest == dict(manifest, samples=count) != manifest:
            raise InputError(
                f'samples: {folder} was made for {count}, not for {manifest["samples"]}; ask for '
                'as many, name another folder, or delete it'
            )
        if store.manifest != manifest:
            raise InputError(
                f'{folder} holds features of another configuration; name another folder, or '
                'delete it'
            )
        return store
    folder.mkdir(parents=True, exist_ok=True)
    samples = manifest['samples']
    head = (samples, manifest['template_frames'] + manifest['search_frames'])
    arrays = {'boxes': (np.float32, (*head, 4)), 'written': (np.bool_, (samples,))}
    for number, shape in enumerate(manifest['shapes']):
        arrays[f'level{number}'] = np.float16, (*head, *shape)
    for name, (dtype, shape) in arrays.items():
        np.lib.format.open_memmap(folder / f'{name}.npy', 'w+', dtype, shape).flush()
        _reserve(folder / f'{name}.npy')
    # The manifest comes last: a folder with one is complete.
    with atomic_write(folder / 'manifest.json') as part:
        part.write_text(json.dumps(manifest, indent=2) + '\n')
    return FeatureStore(folder, writable=True)


def _reserve(path: Path) -> None:
    """Take a file's space on the disk at once, where the system can.

    A mapped file is a hole at first, and a process that writes to it when the disk has become full
    is killed (SIGBUS), without a word.
    """
    if not hasattr(os, 'posix_fallocate'):
        return
    size = path.stat().st_size
    try:
        with open(path, 'r+b') as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise FileError(
            f'{path} needs {size / 1e9:.1f} GB ({error.strerror}); free space, name a folder on '
            'another disk, or store fewer samples'
        ) from error


class Writer:
    """Computes and writes samples: the data and the backbone of a config.

    Args:
        config: A training config that reads images.

    Raises:
        InputError: If it has no images, no model, or its backbone is not frozen.
    """

    def __init__(self, config: Config) -> None:
        from mmtrack.registry import DATASETS, MODELS

        init_default_scope('mmtrack')
        if 'model' not in config:
            raise InputError(f'config: {config.filename} has no model; pass a training config')
        self.dataset = DATASETS.build(images_of(config))
        self.model = MODELS.build(config.model).eval()
        if not getattr(self.model.backbone, 'frozen', False):
            raise InputError(
                f'config: the backbone of {config.filename} is not frozen; its maps will change'
            )

    @torch.no_grad()
    def compute(self, numbers: Sequence[int]) -> tuple[list[np.ndarray], np.ndarray]:
        """Maps (samples, frames, C, H, W) of each level, and boxes (samples, frames, 4)."""
        samples = [self.dataset[int(number)] for number in numbers]
        images = torch.stack(
            [torch.cat((s['inputs']['img'], s['inputs']['search_img'])) for s in samples]
        )
        levels = self.model.extract(images.flatten(0, 1)).levels
        boxes = [
            torch.cat((s.gt_instances.bboxes, s.search_gt_instances.bboxes)).numpy()
            for s in (sample['data_samples'] for sample in samples)
        ]
        maps = [level.unflatten(0, images.shape[:2]).numpy() for level in levels]
        return maps, np.stack(boxes)


def manifest_of(config: Config, writer: Writer, samples: int) -> dict[str, Any]:
    """The manifest of a config's store, as :class:`FeatureStore` has it."""
    inputs, (maps, _) = writer.dataset[0]['inputs'], writer.compute([0])
    return dict(
        samples=samples,
        template_frames=len(inputs['img']),
        search_frames=len(inputs['search_img']),
        shapes=[list(level.shape[2:]) for level in maps],
        source=source_hash(config),
    )


def write_samples(writer: Writer, store: FeatureStore, numbers: Sequence[int]) -> int:
    """Compute and store some samples; their count."""
    store_samples(store, numbers, *writer.compute(numbers))
    return len(numbers)


def store_samples(
    store: FeatureStore, numbers: Sequence[int], maps: Sequence[np.ndarray], boxes: np.ndarray
) -> None:
    """Write what :meth:`Writer.compute` has computed of some samples."""
    for stored, level in zip(store.maps, maps, strict=True):
        stored[numbers] = level
    store.boxes[numbers] = boxes
    store.written[numbers] = True


_worker: tuple[Writer, FeatureStore] | None = None


def _start_worker(config: Config, folder: Path) -> None:
    global _worker
    torch.set_num_threads(1)
    keep_freed_memory()
    _worker = Writer(config), FeatureStore(folder, writable=True)


def _work(numbers: Sequence[int]) -> int:
    return write_samples(*_worker, numbers)


def write_in_processes(
    config: Config, folder: Path, batches: Sequence[Sequence[int]], workers: int
) -> Iterator[int]:
    """Compute and store all batches; yields the count of each.

    Raises:
        InputError: If a process was killed.
    """
    pool = ProcessPoolExecutor(workers, get_context('spawn'), _start_worker, (config, folder))
    # The processes inherit that they ignore Ctrl-C, which a terminal sends to all of them. To ask
    # for it when they run would be too late: importing takes them seconds.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        try:
            counts = pool.map(_work, batches)
        finally:
            signal.signal(signal.SIGINT, handler)
        yield from counts
    except BrokenProcessPool as error:
        raise InputError(
            f'{folder}: a process was killed, perhaps for want of memory; use fewer --workers. '
            'The same command goes on from what was written'
        ) from error
    except (KeyboardInterrupt, GeneratorExit):
        # Their samples at hand would take a minute; those are made anew another time.
        for process in active_children():
            process.terminate()
        raise
    finally:
        # Ctrl-C would otherwise wait for all that is left.
        pool.shutdown(cancel_futures=True)


@command(resume='the same command goes on')
def main(arguments: Sequence[str] | None = None) -> None:
    """Write what the store lacks."""
    args = parse_args(arguments)
    config = read_config(args.config)
    change_config(config, args.cfg_options)
    writer = Writer(config)
    store = create_store(args.folder, manifest_of(config, writer, args.samples))
    missing = store.missing()
    batches = [missing[first : first + BATCH] for first in range(0, len(missing), BATCH)]
    if args.workers == 1:
        counts: Iterable[int] = (write_samples(writer, store, batch) for batch in batches)
    else:
        counts = write_in_processes(config, args.folder, batches, args.workers)
    with Progress() as progress:
        done = args.samples - len(missing)
        task = progress.add_task('samples', total=args.samples, completed=done)
        for count in counts:
            progress.advance(task, count)
    print(f'{args.folder}: {args.samples} samples')


if __name__ == '__main__':
    sys.exit(main())
