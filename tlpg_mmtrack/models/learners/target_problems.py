# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is minimised to learn a target model from samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tlpg_mmtrack.ops import points_to_box
from tlpg_mmtrack.structures import FilterSamples, TargetModel, TemplateSamples

from ..deformable_filter import DeformableFilter
from ..label_assignment import DCCAssigner
from .joint_problem import JointProblem
from .residual_problems import FilterProblem, RegressionProblem
from .sd_optimizer import Minimisation


@dataclass(frozen=True)
class Learned:
    """The course of a target model's learning."""

    #: The target model with every filter of the course, at the points that it was learned for.
    iterates: list[TargetModel]
    classification: Minimisation  #: Course of the filter.
    regression: Minimisation | None = None  #: Course of the offset kernel, where it is learned.

    @property
    def model(self) -> TargetModel:
        """The result."""
        return self.iterates[-1]


@dataclass(frozen=True)
class TargetProblems:
    """The residual problems of a deformable filter on samples, for any target model."""

    filter: DeformableFilter  #: The deformable filter.
    assigner: DCCAssigner  #: What cells count for what.
    #: Frames with known boxes; :class:`FilterSamples` are for the filter's problem only.
    samples: TemplateSamples | FilterSamples

    def of_filter(self, model: TargetModel) -> FilterProblem:
        """The filter's problem, at the samples' points, or else at the model's."""
        samples = self.samples
        if isinstance(samples, FilterSamples):
            sampler = samples.sampler
        else:
            points = self.filter.points(model, samples.features)
            sampler = self.filter.sampler(points, samples.features)
        return FilterProblem(samples.features, samples.labels, self._cell_weights(), sampler)

    def of_boxes(self, model: TargetModel) -> RegressionProblem:
        """The offset kernel's problem; positives are those of the starting point."""
        samples, positive = self.samples, self.positives(model)
        share = positive / positive.sum(dim=-1, keepdim=True)
        return RegressionProblem(
            descriptors=samples.descriptors.flatten(1, 2),
            targets=(samples.targets / _sides(model)).flatten(1, 2),
            weights=(share * samples.weights.unsqueeze(-1)).flatten(1).unsqueeze(-1),
            grid=self.filter.unit_grid.unsqueeze(0),
            affine=self.filter.affine_moves,
        )

    def of_both(self, model: TargetModel) -> JointProblem:
        """The problem of filter and offset kernel together."""
        return JointProblem(
            features=self.samples.features,
            labels=self.samples.labels,
            weights=self._cell_weights(),
            regression=self.of_boxes(model),
            field=self.filter.offset_field(self.samples.features),
            size=model.size,
            gradient_scale=self.filter.gradient_scale,
        )

    @torch.no_grad()
    def positives(self, model: TargetModel) -> Tensor:
        """(B, n, R), 1 where a target model's proposal is to be regressed."""
        kernels = self.filter.offset_kernel(model).unsqueeze(1)
        points = (self.samples.descriptors @ kernels + self.filter.unit_grid).flatten(0, 2)
        proposals = points_to_box(points).view_as(self.samples.targets) * _sides(model)
        return self.assigner.positives(proposals, self.samples.targets, self.samples.central)

    def _cell_weights(self) -> Tensor:
        """(B, n, H, W), weight of every cell's classification residual."""
        return self.samples.weights[..., None, None] * self.assigner.counted(self.samples.labels)


def _sides(model: TargetModel) -> Tensor:
    """(B, 1, 1, 4), the target's size on each of a box's sides (l, t, r, b), in cells."""
    return model.size.flip(-1).repeat(1, 2)[:, None, None]
