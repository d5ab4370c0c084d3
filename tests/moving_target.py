# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A synthetic clip, the tracker as built for tests, and what is asked of its boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.config import Config
from mmtrack.registry import MODELS

from tlpg_mmtrack.models.trackers import TLPG
from tlpg_mmtrack.structures import TrackingResult

CONFIG = Path(__file__).resolve().parents[1] / 'configs/tlpg/tlpg_efflite0_small.py'


def build_tlpg(**test_cfg) -> TLPG:
    """The shipped configuration with few crops of the first frame, untrained."""
    config = Config.fromfile(CONFIG).model
    config.test_cfg = dict(crop_size=192, warps=4, postprocess='nms') | test_cfg
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS.build(config)


def _texture(random: np.random.Generator, size: tuple[int, int], cell: int) -> np.ndarray:
    """Coloured blotches, ``size`` (width, height)."""
    shape = (size[1] // cell + 2, size[0] // cell + 2, 3)
    return cv2.resize(
        random.integers(0, 256, shape, dtype=np.uint8), size, interpolation=cv2.INTER_CUBIC
    )


class MovingTarget:
    """A textured rectangle that moves over a calmer background, 320 x 240."""

    def __init__(self, seed: int, start: tuple[int, int], step: tuple[int, int]) -> None:
        random = np.random.default_rng(seed)
        self.background = _texture(random, (320, 240), 40) // 2 + 60
        self.target = _texture(random, (60, 48), 12)
        self.start, self.step = start, step

    def box(self, index: int) -> np.ndarray:
        """(x, y, width, height) in frame ``index``."""
        x, y = np.array(self.start) + np.array(self.step) * index
        return np.array([x, y, 60, 48], dtype=np.float64)

    def draw(self, frame: np.ndarray, index: int) -> np.ndarray:
        """The target drawn into a frame, as far as it is inside."""
        frame = frame.copy()
        x, y = self.box(index)[:2].astype(int)
        visible = frame[max(y, 0) : max(y + 48, 0), max(x, 0) : max(x + 60, 0)]
        if visible.size:
            cut = self.target[max(-y, 0) :, max(-x, 0) :]
            visible[:] = cut[: visible.shape[0], : visible.shape[1]]
        return frame

    def __getitem__(self, index: int) -> np.ndarray:
        """Frame ``index``, (240, 320, 3) uint8."""
        return self.draw(self.background, index)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Of two boxes (x, y, width, height)."""
    boxes = torch.tensor(np.stack((first, second)))
    boxes[:, 2:] += boxes[:, :2]
    return bbox_overlaps(boxes[:1], boxes[1:]).item()


def assert_sound(result: TrackingResult, frame: np.ndarray) -> None:
    """A box is finite, of positive size and overlaps the frame."""
    x, y, width, height = result.box
    assert result.box.dtype == np.float64
    assert np.isfinite(result.box).all()
    assert width > 0 and height > 0
    assert x < frame.shape[1] and y < frame.shape[0] and x + width > 0 and y + height > 0


def track(model: TLPG, clip: MovingTarget, frames: int, seed: int = 0) -> list[TrackingResult]:
    """The results of a clip's frames after the first."""
    target = model.start(clip[0], clip.box(0), seed)
    return [model.step(clip[index], target) for index in range(1, frames)]
