# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What a backbone declares about each feature map it returns."""

from __future__ import annotations

from typing import NamedTuple


class FeatureLevel(NamedTuple):
    """One feature map of a backbone and its place on the input image.

    Cell ``j`` of the map is centred on input pixel ``stride * j + cell_offset``, on both axes;
    pixel coordinate ``u`` means the centre of pixel ``u``.

    Attributes:
        name: The paper's name for the level, such as ``'C4'``.
        channels: Channels of the map.
        stride: Input pixels between neighbouring cells.
        cell_offset: Input pixel on which cell 0 is centred.
    """

    name: str
    channels: int
    stride: int
    cell_offset: float
