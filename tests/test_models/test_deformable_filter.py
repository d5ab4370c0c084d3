# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""OffsetField: the convolution by hand, and its transpose."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tlpg_mmtrack.models.deformable_filter import OffsetField

SEQUENCES, FRAMES, CHANNELS, OUTPUTS = 2, 3, 4, 6


def _draw(side: int, size: tuple[int, int] = (5, 4)) -> tuple[OffsetField, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = (
        (SEQUENCES, FRAMES, CHANNELS, *size),
        (SEQUENCES, CHANNELS * side**2 + 1, OUTPUTS),
    )
    features, kernel = (torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes)
    return OffsetField(features, side, constant=0.3), kernel


@pytest.mark.parametrize('side', [1, 3, 5])
class TestOffsetField:
    def test_one_output_by_hand(self, side):
        field, kernel = _draw(side)
        sequence, frame, row, column, output = 1, 2, 1, 3, 4
        padded = torch.nn.functional.pad(field.features, [side // 2] * 4)
        patch = padded[sequence, frame, :, row : row + side, column : column + side]
        weights = kernel[sequence, :, output]
        expected = patch.flatten() @ weights[:-1] + 0.3 * weights[-1]
        outputs = field.apply(kernel)
        assert outputs.shape == (SEQUENCES * FRAMES, OUTPUTS, 20)
        own = outputs[sequence * FRAMES + frame, output, row * 4 + column]
        torch.testing.assert_close(own, expected)

    def test_transpose(self, side):
        """<A V, y> = <V, A' y>, sequence by sequence."""
        field, kernel = _draw(side)
        generator = torch.Generator().manual_seed(1)
        cotangent = torch.randn(
            SEQUENCES * FRAMES, OUTPUTS, 20, generator=generator, dtype=torch.float64
        )
        forth = (field.apply(kernel) * cotangent).unflatten(0, (SEQUENCES, -1)).flatten(1).sum(1)
        back = (kernel * field.transpose(cotangent)).flatten(1).sum(1)
        torch.testing.assert_close(forth, back)
