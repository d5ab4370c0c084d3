# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Results folders and OTB-like clips, made up for tests of what reads them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from fake_model import white_square

from tlpg_mmtrack.evaluation.results import ResultsFolder, VideoResult

TOOLS = Path(__file__).resolve().parents[1] / 'tools'
SIZE = (160, 120)
#: Runs a tool with arguments in a folder; its exit code and what it printed.
Run = Callable[..., tuple[int, str]]


def load_tool(name: str) -> ModuleType:
    """The module of a command that is named as one of Python's, such as 'test'."""
    spec = importlib.util.spec_from_file_location(f'tools/{name}', TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_run(
    path: Path,
    shifts: dict[str, float],
    frames: int = 4,
    truth_at: float = 10.0,
    left_out: dict[str, str] | None = None,
    summary: bool = True,
) -> ResultsFolder:
    """Write a run whose 20 x 20 boxes are off by so many pixels in all frames but the first.

    Args:
        path: The folder.
        shifts: Error by video, pixels to the right.
        frames: Frames of each video.
        truth_at: Left edge of the true boxes.
        left_out: What the run's summary names.
        summary: Whether the run has ended.
    """
    folder = ResultsFolder(path)
    folder.prepare({'tracker': path.name}, {'started': 'now'})
    truth = np.tile([truth_at, 40.0, truth_at + 20, 60.0], (frames, 1))
    for name, shift in shifts.items():
        boxes = truth.copy()
        boxes[1:, ::2] += shift
        folder.write(
            VideoResult(
                name, SIZE, boxes.tolist(), truth.tolist(), [True] * frames, [0.5] * frames
            )
        )
    if summary:
        folder.write_summary({'figures': {'videos': len(shifts)}, 'left_out': left_out or {}})
    return folder


def write_square_clips(folder: Path, names: tuple[str, ...] = ('A', 'B'), frames: int = 4) -> None:
    """Write clips in OTB's layout: a white square that moves 4 pixels a frame; 1-based boxes."""
    for name in names:
        (folder / name / 'img').mkdir(parents=True)
        rows = []
        for index in range(frames):
            x = 30 + 4 * index
            cv2.imwrite(str(folder / name / 'img' / f'{index + 1:04d}.jpg'), white_square(x))
            rows.append(f'{x + 1},41,20,20')
        (folder / name / 'groundtruth_rect.txt').write_text('\n'.join(rows) + '\n')


def write_square_run(
    path: Path, changes: dict[str, tuple[float, ...]], frames: int = 4
) -> ResultsFolder:
    """Write a run over such clips.

    Args:
        path: The folder.
        changes: By clip, what is added to the true box (x, y, width, height) in all frames but
            the first.
        frames: Frames of each clip.
    """
    folder = ResultsFolder(path)
    folder.prepare({'tracker': path.name}, {'started': 'now'})
    truth = np.array([[30.0 + 4 * index, 40.0, 20.0, 20.0] for index in range(frames)])
    for name, change in changes.items():
        boxes = truth.copy()
        boxes[1:] += change
        corners = [
            np.hstack((part[:, :2], part[:, :2] + part[:, 2:])).tolist() for part in (boxes, truth)
        ]
        folder.write(VideoResult(name, SIZE, *corners, [True] * frames, [0.5] * frames))
    folder.write_summary({'figures': {'videos': len(changes)}, 'left_out': {}})
    return folder
