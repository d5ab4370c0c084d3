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
    """The course of a target model's learning.

    Attributes:
        iterates: The target model with every filter that was passed through, each at the points
            that it was learned for.
        classification: Course of the filter.
        regression: Course of the offset kernel, where it is learned. In joint learning both
            courses are parts of one, with its objectives.
    """

    iterates: list[TargetModel]
    classification: Minimisation
    regression: Minimisation | None = None

    @property
    def model(self) -> TargetModel:
        """The result."""
        return self.iterates[-1]


@dataclass(frozen=True)
class TargetProblems:
    """The residual problems of a deformable filter, for any target model and samples.

    Attributes:
        filter: The deformable filter.
        assigner: What cells count for what.
    """

    filter: DeformableFilter
    assigner: DCCAssigner

    def of_filter(
        self, model: TargetModel, samples: TemplateSamples | FilterSamples
    ) -> FilterProblem:
        """The filter's problem, at the samples' points, or else at the model's."""
        if isinstance(samples, FilterSamples):
            sampler = samples.sampler
        else:
            points = self.filter.points(model, samples.features)
            sampler = self.filter.sampler(points, samples.features)
        return FilterProblem(
            features=samples.features,
            labels=samples.labels,
            weights=self._cell_weights(samples),
            sampler=sampler,
        )

    def of_boxes(self, model: TargetModel, samples: TemplateSamples) -> RegressionProblem:
        """The offset kernel's problem; positives are those of the starting point."""
        positive = self.positives(model, samples)
        share = positive / positive.sum(dim=-1, keepdim=True)
        sides = model.size.flip(-1).repeat(1, 2)[:, None, None]
        return RegressionProblem(
            descriptors=samples.descriptors.flatten(1, 2),
            targets=(samples.targets / sides).flatten(1, 2),
            weights=(share * samples.weights.unsqueeze(-1)).flatten(1),
            grid=self.filter.unit_grid.unsqueeze(0),
            affine=self.filter.affine_moves,
        )

    def of_both(self, model: TargetModel, samples: TemplateSamples) -> JointProblem:
        """The problem of filter and offset kernel together."""
        return JointProblem(
            features=samples.features,
            labels=samples.labels,
            weights=self._cell_weights(samples),
            regression=self.of_boxes(model, samples),
            field=self.filter.offset_field(samples.features),
            size=model.size,
            gradient_scale=self.filter.gradient_scale,
        )

    @torch.no_grad()
    def positives(self, model: TargetModel, samples: TemplateSamples) -> Tensor:
        """(B, n, R), 1 where a target model's proposal is to be regressed."""
        kernels = self.filter.offset_kernel(model).unsqueeze(1)
        points = (samples.descriptors @ kernels + self.filter.unit_grid).flatten(0, 2)
        sides = model.size.flip(-1).repeat(1, 2)[:, None, None]
        proposals = points_to_box(points).view_as(samples.targets) * sides
        return self.assigner.positives(proposals, samples.targets, samples.central)

    def boxes(self, learned: Learned, samples: TemplateSamples) -> tuple[Tensor, Tensor, Tensor]:
        """Proposals of every offset kernel that was passed through, at the last one's positives.

        Args:
            learned: Course of B target models.
            samples: Frames with known boxes.

        Returns:
            (I, B, M, 4) proposals (l, t, r, b), (B, M, 4) the true boxes', both in target sizes,
            and (B, M), 1 for a positive.
        """
        problem = self.of_boxes(learned.model, samples)
        boxes = [problem.boxes(problem.predict(kernel)) for kernel in learned.regression.iterates]
        positive = self.positives(learned.model, samples).flatten(1)
        return torch.stack(boxes), problem.targets, positive

    def _cell_weights(self, samples: TemplateSamples | FilterSamples) -> Tensor:
        """(B, n, H, W), weight of every cell's classification residual."""
        return samples.weights[..., None, None] * self.assigner.counted(samples.labels)
