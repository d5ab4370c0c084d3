# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A small stand-in for TLPG: follows the brightest pixels, and shows how it was called."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tlpg_mmtrack.structures import TrackingResult, TrackingState


class FakeModel(nn.Module):
    """Follows white on black; black frames are not found. The seed moves boxes by hundredths."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(width, 2)
        self.starts: list[tuple[tuple[int, ...], np.ndarray, int]] = []
        self.answer: TrackingResult | None = None

    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> dict:
        self.starts.append((frame.shape, box, seed))
        return {'box': box, 'random': np.random.default_rng(seed)}

    def step(self, frame: np.ndarray, target: dict, search: bool = True) -> TrackingResult:
        assert torch.from_numpy(frame).shape == frame.shape
        if self.answer is not None:
            return self.answer
        rows, columns = np.nonzero(frame[..., 1] > 200)
        if not rows.size:
            return TrackingResult(target['box'], 0.1, TrackingState.NOT_FOUND)
        corner = np.array([columns.mean(), rows.mean()]) - target['box'][2:] / 2
        corner += target['random'].uniform(0, 0.01, 2)
        target['box'] = np.concatenate([corner, target['box'][2:]])
        return TrackingResult(target['box'], 0.9, TrackingState.NORMAL)


def white_square(x: int, size: tuple[int, int] = (160, 120), y: int = 40) -> np.ndarray:
    """A black frame of ``size`` (width, height) with a white 20 x 20 square at (x, y)."""
    frame = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    frame[y : y + 20, x : x + 20] = 255
    return frame
