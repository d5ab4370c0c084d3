# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""CellGrid: cells to pixels and back."""

from __future__ import annotations

import pytest
import torch

from tlpg_mmtrack.structures import CellGrid

BOXES = torch.tensor([[9.0, 25.0, 41.0, 57.0], [-7.0, 0.5, 3.25, 300.0]], dtype=torch.float64)


@pytest.mark.parametrize('cell_offset', [0.0, 7.5, 9.0])
def test_cells_and_pixels_are_inverse(cell_offset):
    grid = CellGrid(16, cell_offset)
    torch.testing.assert_close(grid.to_pixels(grid.to_cells(BOXES)), BOXES)
    cells = torch.tensor([0.0, 3.0])
    assert grid.to_pixels(cells).tolist() == [cell_offset, 48 + cell_offset]


@pytest.mark.parametrize(
    ('stride', 'cell_offset', 'middle'),
    [(16, 0.0, 8.96875), (16, 7.5, 8.5), (16, 9.0, 8.40625), (8, 3.0, 17.5625)],
)
def test_the_middle_is_the_cell_on_the_centre_of_the_crop(stride, cell_offset, middle):
    grid = CellGrid(stride, cell_offset)
    assert grid.middle(288) == middle
    assert grid.to_pixels(torch.tensor(middle)) == 143.5
