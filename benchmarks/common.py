# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the benchmarks share. Imported first: it makes tools/ and mmtrack importable."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tools'))

import tlpg_tools  # noqa: F401  (makes tlpg_mmtrack importable)

import tlpg_mmtrack  # noqa: F401  (makes mmtrack importable)

# isort: split
import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import MODELS
from tlpg_tools.command_line import command as command
from tlpg_tools.command_line import describe as describe
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.datasets.video_folder import FolderVideo, read_video_folder
from tlpg_mmtrack.evaluation.provenance import processor
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import open_source
from tlpg_mmtrack.utils.model_zoo import DEFAULT, shipped_config, shipped_weights

FRAME_SIZE = (640, 480)


def data_parser(text: str | None, threads: int = 2) -> argparse.ArgumentParser:
    """The command line of what reads videos: --data, --videos and --threads."""
    parser = describe(text)
    parser.add_argument('--data', type=Path, required=True, help='FOLDER, in the layout of OTB')
    parser.add_argument('--videos', nargs='+', metavar='NAME', help='some of them (default: all)')
    add_threads(parser, threads)
    return parser


def add_threads(parser: argparse.ArgumentParser, default: int = 2) -> None:
    """The option --threads, which is to be given to torch."""
    parser.add_argument(
        '--threads', type=int, default=default, help="torch's (default: %(default)s)"
    )


def add_names(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """The argument ``what``: some of these names, or all."""

    def known(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f'{text} is none of {", ".join(names)}')
        return text

    parser.add_argument('what', nargs='*', type=known, default=names, help=', '.join(names))


def read_videos(folder: Path, names: Sequence[str] | None = None) -> list[FolderVideo]:
    """The videos of these names in a folder, or all; InputError where one cannot be used."""
    videos, problems = read_video_folder(folder)
    usable = {video.name: video for video in videos}
    for name in usable.keys() | problems if names is None else names:
        if name not in usable:
            reason = problems.get(name, f'it has {", ".join(usable)}')
            raise InputError(f'--data: {folder} holds no usable {name!r}; {reason}')
    return [usable[name] for name in names or usable]


def read_frame(path: Path) -> np.ndarray:
    """(H, W, 3) uint8, BGR; InputError where it cannot be read."""
    frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if frame is None:
        raise InputError(f'--data: {path} cannot be read as an image; put the whole file there')
    return frame


def demo_frames(count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """So many frames of the demo's clip, enlarged to 640 x 480, and the first one's box."""
    clip = [frame for _, frame in islice(open_source(demo_clip()), count)]
    scale = np.divide(FRAME_SIZE, clip[0].shape[1::-1])
    return [cv2.resize(frame, FRAME_SIZE) for frame in clip], DEMO_BOX * np.tile(scale, 2)


def shipped(**options: Any) -> Config:
    """The config of the shipped weights, with other fields of `TrackingOptions`."""
    config = Config.fromfile(shipped_config(DEFAULT))
    config.model.test_cfg.update(options)
    return config


def shipped_tracker(**options: Any) -> Tracker:
    """The shipped tracker with other options, on the CPU."""
    return Tracker.from_pretrained(shipped(**options), shipped_weights(), 'cpu')


def build(config: Config | dict, seed: int = 0) -> torch.nn.Module:
    """A model of a config, its random weights from a seed."""
    init_default_scope('mmtrack')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS.build(config).eval()


def machine(threads: int) -> str:
    """The processor, and what runs on it."""
    return f'{processor()}; {threads} thread(s), torch {torch.__version__}'


def middle_box(extent: np.ndarray, size: int) -> np.ndarray:
    """(4,) box (x1, y1, x2, y2) of this (width, height) in the middle of a crop of this side."""
    middle, half = (size - 1) / 2, extent / 2
    return np.concatenate((middle - half, middle + half))


def wait(device: str | torch.device) -> None:
    """Let a GPU finish what it was given, so that the clock is read when it has."""
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)
