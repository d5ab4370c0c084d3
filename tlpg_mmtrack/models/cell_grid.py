# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Where a map's cells lie on the crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

Coordinates = TypeVar('Coordinates', float, Tensor)


@dataclass(frozen=True)
class CellGrid:
    """The relation between a map's cells and the crop's pixels, the same on both axes.

    Cell ``j`` is centred on crop pixel ``stride * j + cell_offset``; a cell's centre and a pixel's
    centre are their indices.

    Attributes:
        stride: Crop pixels per cell.
        cell_offset: Crop pixel of the centre of cell 0.
    """

    stride: int
    cell_offset: float = 0.0

    def to_cells(self, pixels: Coordinates) -> Coordinates:
        """Coordinates, or boxes (x1, y1, x2, y2), in crop pixels to cells."""
        return (pixels - self.cell_offset) / self.stride

    def to_pixels(self, cells: Coordinates) -> Coordinates:
        """Coordinates, or boxes (x1, y1, x2, y2), in cells to crop pixels."""
        return cells * self.stride + self.cell_offset

    def middle(self, crop_size: int) -> float:
        """The centre of a crop of ``crop_size`` pixels a side, in cells.

        It is the middle of the map only where the cells lie symmetrically on the crop.
        """
        return ((crop_size - 1) / 2 - self.cell_offset) / self.stride
