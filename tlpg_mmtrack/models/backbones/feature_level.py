# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What a backbone declares about each feature map it returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class FeatureLevel(NamedTuple):
    """One feature map of a backbone and its place on the input image.

    Cell ``j`` of the map is centred on input pixel ``stride * j + cell_offset``, on both axes; pixel
    coordinate ``u`` means the centre of pixel ``u``.

    Attributes:
        name: The paper's name for the level: ``'C3'``, ``'C4'`` or ``'C5'``.
        channels: Channels of the map.
        stride: Input pixels between neighbouring cells.
        cell_offset: Input pixel on which cell 0 is centred.
    """

    name: str
    channels: int
    stride: int
    cell_offset: float


def compose_geometry(convs: Iterable[tuple[int, int, int]]) -> tuple[int, float]:
    """Follow the receptive field's centre through a chain of convolutions or poolings.

    Output ``j`` of one convolution with kernel ``k``, stride ``s`` and ``p`` cells of padding before the
    first one is centred on its input's cell ``s * j + (k - 1) / 2 - p``. Only that leading padding
    counts: padding after the last cell adds outputs and moves none.

    Args:
        convs: ``(kernel, stride, leading padding)`` of every layer, from the image on.

    Returns:
        The stride of the last map and the input pixel of the centre of its cell 0.
    """
    stride, offset = 1, 0.0
    for kernel, step, padding in convs:
        offset += stride * ((kernel - 1) / 2 - padding)
        stride *= step
    return stride, offset
