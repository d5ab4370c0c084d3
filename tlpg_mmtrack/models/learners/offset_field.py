# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The offset kernel's convolution over whole maps, as a linear operator of the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tlpg_mmtrack.ops import project_transpose


@dataclass(frozen=True)
class OffsetField:
    """``V -> features * V``: a convolution with one kernel per sequence, and a constant input.

    Attributes:
        features: (B, n, C, H, W), what the kernel sees in n frames of B sequences.
        kernel_size: Odd side k of the kernel.
        constant: The constant input beside the features.
    """

    features: Tensor
    kernel_size: int
    constant: float

    def apply(self, kernel: Tensor) -> Tensor:
        """Convolve, zero outside the map.

        Args:
            kernel: (B, C*k*k + 1, P), P outputs for each channel, row and column, then for the
                constant.

        Returns:
            (B*n, P, H*W).
        """
        sequences, frames, channels, height, width = self.features.shape
        side = self.kernel_size
        # One group per sequence, so that each frame meets its own sequence's kernel.
        outputs = F.conv2d(
            self.features.transpose(0, 1).reshape(frames, -1, height, width),
            kernel[:, :-1].transpose(1, 2).reshape(-1, channels, side, side),
            (kernel[:, -1] * self.constant).flatten(),
            padding=side // 2,
            groups=sequences,
        )
        outputs = outputs.view(frames, sequences, -1, height * width).transpose(0, 1)
        return outputs.flatten(0, 1)

    def transpose(self, cotangent: Tensor) -> Tensor:
        """Transpose of :meth:`apply`.

        Args:
            cotangent: (B*n, P, H*W).

        Returns:
            (B, C*k*k + 1, P).
        """
        sequences, _, _, height, width = self.features.shape
        side = self.kernel_size
        padded = F.pad(self.features, [side // 2] * 4)
        taps = [
            project_transpose(padded[..., i : i + height, j : j + width], cotangent)
            for i in range(side)
            for j in range(side)
        ]
        constant = self.constant * cotangent.sum(-1).unflatten(0, (sequences, -1)).sum(1)
        kernel = torch.stack(taps, dim=2).flatten(1, 2)
        return torch.cat((kernel, constant.unsqueeze(1)), dim=1)
