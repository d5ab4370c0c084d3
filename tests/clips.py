# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Small clips in OTB's layout, a tracker that is quick and random, and a run over them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from torch import Tensor

LENGTHS = {'Car1': 9, 'Jogging-1': 6, 'Jogging-2': 6, 'Tiger2': 12, 'Vase': 7}
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadTrackAnnotations', with_instance_id=False),
    dict(type='PackTrackInputs', pack_single_img=True),
]


@MODELS.register_module()
class RandomWalker(BaseSingleObjectTracker):
    """Moves its box by chance, with torch's global random state, as some of mmtrack's models do.

    Args:
        step: Standard deviation of a move in pixels.
        test_mode: mmtrack's protocol, ``'OPE'`` or ``'VOT'``.
    """

    #: Frame of the third video at which the process is killed.
    killed_at: int | None = None

    def __init__(self, step: float = 2.0, test_mode: str = 'OPE') -> None:
        super().__init__(data_preprocessor=dict(type='TrackDataPreprocessor'))
        self.test_cfg = dict(test_mode=test_mode)
        self.scale = torch.nn.Parameter(torch.tensor(step))
        self.started = 0

    def init(self, img: Tensor) -> None:
        self.started += 1

    def track(self, img: Tensor, data_samples: list) -> list[InstanceData]:
        if self.started == 3 and self.memo.frame_id == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        cx, cy, width, height = self.memo.bbox
        move = self.scale.detach() * torch.randn(2)
        center = torch.stack((cx, cy)) + move
        half = torch.stack((width, height)) / 2
        box = torch.cat((center - half, center + half))[None]
        return [InstanceData(bboxes=box, scores=box.new_ones(1))]

    def loss(self, inputs: dict, data_samples: list) -> dict:
        return {}


def write_clips(folder: Path, lengths: dict[str, int] = LENGTHS) -> None:
    """Write grey clips with 1-based boxes; Jogging-1 and Jogging-2 share their frames."""
    lines = ['a comment']
    for name, length in lengths.items():
        video, _, target = name.partition('-')
        images = folder / 'data' / video / 'img'
        images.mkdir(parents=True, exist_ok=True)
        for index in range(length):
            cv2.imwrite(str(images / f'{index + 1:04d}.jpg'), np.full((60, 80, 3), 128, np.uint8))
        boxes = f'groundtruth_rect.{target}.txt' if target else 'groundtruth_rect.txt'
        offset = 5 * len(lines)
        rows = [f'{20 + offset + index},{15 + offset},16,12' for index in range(length)]
        (folder / 'data' / video / boxes).write_text('\n'.join(rows) + '\n')
        lines.append(f'data/{video}/img,data/{video}/{boxes},1,{length}')
    (folder / 'infos.txt').write_text('\n'.join(lines))


def clip_config(clips: Path, work_dir: Path, **changes: Any) -> Config:
    """A config that runs the random walker over the clips; ``changes`` are merged into it."""
    config = Config(
        dict(
            default_scope='mmtrack',
            experiment_name=f'{work_dir.parent.name}-{work_dir.name}',
            work_dir=str(work_dir),
            model=dict(type='RandomWalker'),
            test_dataloader=dict(
                batch_size=1,
                num_workers=0,
                sampler=dict(type='VideoSampler'),
                dataset=dict(
                    type='OTB100Dataset',
                    data_root=str(clips),
                    ann_file='infos.txt',
                    data_prefix=dict(img_path=''),
                    pipeline=PIPELINE,
                    test_mode=True,
                ),
            ),
            test_evaluator=dict(type='TLPGSOTMetric'),
            test_cfg=dict(type='ResumableTestLoop'),
            env_cfg=dict(dist_cfg=dict(backend='gloo')),
            randomness=dict(seed=3),
            log_level='WARNING',
        )
    )
    config.merge_from_dict(changes)
    return config


def run_clips(config: Config) -> dict[str, float]:
    """Run the config's test, as tools/test.py does."""
    return Runner.from_cfg(config).test()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def in_two_processes(body: Callable[..., object], *arguments: object) -> list[int | None]:
    """Exit codes of two forked processes, a group of PyTorch's, that call a function."""
    port = free_port()
    fork = multiprocessing.get_context('fork')
    children = [
        fork.Process(target=_as_rank, args=(rank, port, body, arguments)) for rank in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(300)
        child.kill()
        child.join()
    return [child.exitcode for child in children]


def _as_rank(rank: int, port: int, body: Callable[..., object], arguments: tuple) -> None:
    address = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), WORLD_SIZE='2')
    os.environ.update(address, RANK=str(rank), LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    body(*arguments)
