# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Synthetic crops for the heads that compare a template with a search crop."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

CHANNELS, STRIDES, SIZE = (8, 16), (8, 16), 288


def _boxes(count: int, generator: torch.Generator) -> Tensor:
    center = 144 + 60 * (torch.rand(count, 2, generator=generator) - 0.5)
    half = 25 + 25 * torch.rand(count, 2, generator=generator)
    return torch.cat((center - half, center + half), dim=1)


def _maps(boxes: Tensor, look: list[Tensor], generator: torch.Generator) -> tuple[Tensor, ...]:
    """Backbone maps of crops: noise, and inside each box its target's look."""
    maps = []
    for stride, vectors in zip(STRIDES, look, strict=True):
        cells = stride * torch.arange(SIZE // stride).float()
        inside_x = (cells > boxes[:, :1]) & (cells < boxes[:, 2:3])
        inside_y = (cells > boxes[:, 1:2]) & (cells < boxes[:, 3:])
        inside = (inside_y[:, :, None] & inside_x[:, None])[:, None]
        noise = torch.randn(
            len(boxes), vectors.shape[1], len(cells), len(cells), generator=generator
        )
        maps.append(0.3 * noise + inside * vectors[:, :, None, None])
    return tuple(maps)


@pytest.fixture(scope='session')
def synthetic_boxes() -> Callable[[int, torch.Generator], Tensor]:
    """Draws (count, 4) boxes (x1, y1, x2, y2) in the middle of a crop."""
    return _boxes


@pytest.fixture(scope='session')
def synthetic_crops() -> Callable[..., dict[str, Tensor]]:
    """Draws crops of a few targets, as the ``loss`` of IoU-Net and of box regression takes them.

    Maps of 8 channels at stride 8 and 16 channels at stride 16, of crops of 288 pixels.
    """

    def crops(seed: int, targets: int = 3, frames: int = 2) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        look = [torch.randn(targets, channels, generator=generator) for channels in CHANNELS]
        template_boxes = _boxes(targets, generator)
        search_boxes = _boxes(targets * frames, generator)
        search_look = [vectors.repeat_interleave(frames, dim=0) for vectors in look]
        return dict(
            template_feats=_maps(template_boxes, look, generator),
            template_boxes=template_boxes,
            search_feats=_maps(search_boxes, search_look, generator),
            search_boxes=search_boxes,
        )

    return crops
