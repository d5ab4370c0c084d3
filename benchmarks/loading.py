#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measure whether loading training samples keeps up with the training step.

For each number of loading processes, the samples a second that a config's `train_dataloader` gives
when nothing else is done, and then those of the training step alone, forwards and backwards with
the optimiser, on one batch that is there already. On a GPU, loading keeps it busy where it gives
more. On a CPU they share the cores, so the time of a sample is the sum of both.

The first batches, for which processes start and files are read for the first time, are left out:
two, or one of each process.
mmengine's training log shows the same of a run: `time` of an iteration, and `data_time`, the part
of it that training waited for data.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from common import command, describe, wait

# isort: split
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmtrack.registry import MODELS
from rich.progress import track
from tlpg_tools.command_line import add_changes, change_config
from torch.utils.data import DataLoader

from tlpg_mmtrack.utils.config import read_config

WARM_UP = 2


def loader(config: Config, workers: int) -> DataLoader:
    """The config's loader of training batches, with another number of processes."""
    options = dict(config.train_dataloader, num_workers=workers, persistent_workers=workers > 0)
    return Runner.build_dataloader(options, seed=0)


def loading_rate(batches: DataLoader, count: int) -> tuple[float, dict]:
    """Samples a second of so many batches after the warm-up, and the last batch."""
    source = iter(batches)
    for _ in range(max(WARM_UP, batches.num_workers)):
        next(source)
    start = time.perf_counter()
    for _ in range(count):
        batch = next(source)
    return count * batches.batch_size / (time.perf_counter() - start), batch


def training_rate(config: Config, batch: dict, steps: int, device: torch.device) -> float:
    """Samples a second of the training step on one batch."""
    model = MODELS.build(config.model).to(device).train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    for number in track(range(WARM_UP + steps), description='training steps', transient=True):
        if number == WARM_UP:
            wait(device)
            start = time.perf_counter()
        model.train_step(batch, wrapper)
    wait(device)
    return steps * config.train_dataloader.batch_size / (time.perf_counter() - start)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(
        __doc__,
        'benchmarks/loading.py configs/tlpg/tlpg_efflite0_small.py --workers 0 1 2',
    )
    parser.add_argument('config', type=Path, help='training config')
    parser.add_argument(
        '--workers', type=int, nargs='+', default=[0, 1, 2], help='(default: 0 1 2)'
    )
    parser.add_argument(
        '--batches', type=int, default=10, help='to load and to train (default: %(default)s)'
    )
    parser.add_argument('--device', help="such as 'cuda:0'; default: a GPU if any")
    add_changes(parser)
    args = parser.parse_args(arguments)
    device = torch.device(args.device or ('cuda:0' if torch.cuda.is_available() else 'cpu'))
    # It has a line for every parameter with a rate of its own, or with none.
    MMLogger.get_instance('mmengine').setLevel('ERROR')
    init_default_scope('mmtrack')
    config = read_config(args.config)
    change_config(config, args.cfg_options)
    rows = []
    for workers in args.workers:
        rate, batch = loading_rate(loader(config, workers), args.batches)
        rows.append((f'loading, {workers} processes', rate))
    rows.append((f'training step, {device}', training_rate(config, batch, args.batches, device)))
    print(f'{args.config.name}: batches of {config.train_dataloader.batch_size} samples;')
    print(f'torch {torch.__version__}, {torch.get_num_threads()} thread(s)')
    for name, rate in rows:
        print(f'{name:<28}{rate:8.1f} samples/s{1000 / rate:9.1f} ms a sample')


if __name__ == '__main__':
    sys.exit(main())
