# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Where a map's cells lie on the crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    # `from tlpg_mmtrack import Tracker` imports this package, and not torch.
    from torch import Tensor

Coordinates = TypeVar('Coordinates', float, 'Tensor')


@dataclass(frozen=True)
class CellGrid:
    """A map's cells and the crop's pixels, the same on both axes; a centre is its index."""

    stride: int  #: Crop pixels per cell.
    cell_offset: float = 0.0  #: Cell ``j`` is centred on pixel ``stride * j + cell_offset``.

    def to_cells(self, pixels: Coordinates) -> Coordinates:
        """Coordinates, or boxes (x1, y1, x2, y2), in crop pixels to cells."""
        return (pixels - self.cell_offset) / self.stride

    def to_pixels(self, cells: Coordinates) -> Coordinates:
        """Coordinates, or boxes (x1, y1, x2, y2), in cells to crop pixels."""
        return cells * self.stride + self.cell_offset

    def middle(self, crop_size: int) -> float:
        """The centre of a crop of ``crop_size`` pixels a side, in cells; not always the map's."""
        return self.to_cells((crop_size - 1) / 2)
