# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Records of a deformable filter: the filter, what it is learned from, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

from torch import Tensor

from tlpg_mmtrack.ops import BilinearSampler

_S = TypeVar('_S', bound='_Frames')


@dataclass(frozen=True)
class TargetModel:
    """The deformable filter f(x; w, o) of B targets."""

    filter: Tensor  #: (B, C, K), w.
    affine: Tensor  #: (B, D, 4), part of the offset kernel V: shifts and scales all points.
    free: Tensor  #: (B, D, 2K), part of V that moves every point by itself.
    size: Tensor  #: (B, 2), (height, width) in cells that the undisplaced grid spans.


class _Frames:
    """Tensors of n frames of each of B sequences, the fields of a dataclass."""

    def frames(self: _S, index: slice | Tensor) -> _S:
        return type(self)(*(getattr(self, field.name)[:, index] for field in fields(self)))


@dataclass(frozen=True)
class TemplateSamples(_Frames):
    """What a target model is learned from: n frames of each of B sequences."""

    features: Tensor  #: (B, n, C, H, W), filter features.
    labels: Tensor  #: (B, n, H, W), classification labels y.
    descriptors: Tensor  #: (B, n, R, D), what V sees at the R cells nearest the target.
    targets: Tensor  #: (B, n, R, 4), (l, t, r, b) from those cells to the true box, in cells.
    central: Tensor  #: (B, n, R), 1 where the cell is always a positive: central, or nearest.
    weights: Tensor  #: (B, n), weight of each frame; they sum to 1 over the frames.


@dataclass(frozen=True)
class FilterSamples(_Frames):
    """What a filter is learned from whose sampling points stay."""

    features: Tensor  #: As the next two in :class:`TemplateSamples`.
    labels: Tensor  #: (B, n, H, W).
    weights: Tensor  #: (B, n).
    scores: Tensor  #: (B, n, H, W), what the filter as it is now scores.
    index: Tensor  #: (B, n, K, H*W), where the filter samples: see :class:`BilinearSampler`.
    row_fractions: Tensor  #: (B, n, K, H*W), likewise.
    column_fractions: Tensor  #: (B, n, K, H*W), likewise.

    @property
    def sampler(self) -> BilinearSampler:
        """Samples all frames; to compute it anew would cost a third of an update."""
        fractions = self.row_fractions.flatten(0, 1), self.column_fractions.flatten(0, 1)
        return BilinearSampler(self.index.flatten(0, 1), fractions, tuple(self.labels.shape[-2:]))


@dataclass(frozen=True)
class Prediction:
    """What a target model says of n frames of B sequences."""

    scores: Tensor  #: (B, n, H, W) score map s.
    distances: Tensor  #: (B, n, 4, H, W), proposal (l, t, r, b) of every cell, in cells.
    points: Tensor  #: (B, n, 2K, H*W), where the filter sampled: (dy, dx) from the cell, in cells.
