# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Compute a frozen backbone's maps of training crops once, for trainings that read them.

Draws the first samples of a config's training set (its train_dataloader.dataset, or image_dataset
where that is a StoredFeatureDataset), through its whole pipeline, runs the backbone on their
crops, and writes its maps with the targets' boxes. A config whose train_dataloader reads a
StoredFeatureDataset then trains on them without the backbone. Interrupted, the same command goes
on where it stopped. Each sample takes (EfficientNet-Lite0, four crops) 0.9 MB of disk.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path

import numpy as np
import torch
from command_line import command
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from rich.progress import Progress

from tlpg_mmtrack.datasets.feature_store import (
    FeatureStore,
    FeatureStoreManifest,
    images_of,
    source_hash,
)
from tlpg_mmtrack.utils.allocator import keep_freed_memory
from tlpg_mmtrack.utils.config import change_config, key_value, read_config
from tlpg_mmtrack.utils.errors import InputError

BATCH = 4
"""Samples whose crops run through the backbone together."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/store_features.py configs/tlpg/tlpg_efflite0_small.py '
        'data/features --samples 9000',
    )
    parser.add_argument('config', type=Path, help='training config of a frozen backbone')
    parser.add_argument('folder', type=Path, help='folder to write to')
    parser.add_argument('--samples', type=int, required=True, help='how many samples')
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count(), help='processes (default: one a CPU)'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', type=key_value, action=DictAction, metavar='KEY=VALUE'
    )
    args = parser.parse_args(arguments)
    if args.samples < 1 or args.workers < 1:
        parser.error('--samples and --workers must be at least 1')
    return args


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


def describe(config: Config, writer: Writer, samples: int) -> FeatureStoreManifest:
    """The manifest of a config's store."""
    (template, search), (maps, _) = _frame_counts(writer), writer.compute([0])
    return FeatureStoreManifest(
        samples=samples,
        template_frames=template,
        search_frames=search,
        shapes=tuple(level.shape[2:] for level in maps),
        source=source_hash(config),
    )


def _frame_counts(writer: Writer) -> tuple[int, int]:
    inputs = writer.dataset[0]['inputs']
    return len(inputs['img']), len(inputs['search_img'])


_worker: tuple[Writer, FeatureStore] | None = None


def _start_worker(config: Config, folder: Path) -> None:
    global _worker
    torch.set_num_threads(1)
    keep_freed_memory()
    _worker = Writer(config), FeatureStore(folder, writable=True)


def _write(numbers: Sequence[int]) -> int:
    writer, store = _worker
    maps, boxes = writer.compute(numbers)
    for place, number in enumerate(numbers):
        store.write(number, [level[place] for level in maps], boxes[place])
    return len(numbers)


@contextmanager
def _interrupts_for_this_process() -> Iterator[None]:
    """Have processes that a block starts ignore Ctrl-C, which a terminal sends to all of them.

    They inherit it. To ask for it when they run would be too late: importing takes them seconds.
    """
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


@command(resume='the same command goes on')
def main(arguments: Sequence[str] | None = None) -> None:
    """Write what the store lacks."""
    args = parse_arguments(arguments)
    config = read_config(args.config)
    change_config(config, args.cfg_options)
    store = FeatureStore.create(args.folder, describe(config, Writer(config), args.samples))
    missing = store.missing()
    done = args.samples - len(missing)
    batches = [missing[first : first + BATCH] for first in range(0, len(missing), BATCH)]
    pool = ProcessPoolExecutor(
        args.workers, get_context('spawn'), _start_worker, (config, args.folder)
    )
    with Progress() as progress:
        task = progress.add_task('samples', total=args.samples, completed=done)
        try:
            with _interrupts_for_this_process():
                counts = pool.map(_write, batches)
            for count in counts:
                progress.advance(task, count)
        except BrokenProcessPool as error:
            raise InputError(
                f'{args.folder}: a process was killed, perhaps for want of memory; use fewer '
                '--workers. The same command goes on from what was written'
            ) from error
        except KeyboardInterrupt:
            # Their samples at hand would take a minute; those are made anew another time.
            for process in active_children():
                process.terminate()
            raise
        finally:
            # Ctrl-C would otherwise wait for all that is left.
            pool.shutdown(cancel_futures=True)
    print(f'{args.folder}: {args.samples} samples')


if __name__ == '__main__':
    sys.exit(main())
