# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""How a target model is learned from samples: the parts of :class:`DCCHead` that choose it.

A learner minimises one or several of the :class:`TargetProblems` by its optimisers. To learn a
target in another way, register a subclass of :class:`Learner` and name it in
``DCCHead(learner=dict(type=...))``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.ops import points_to_box
from tlpg_mmtrack.structures import FilterSamples, TargetModel, TemplateSamples
from tlpg_mmtrack.utils.option_rules import Probability, checked

from ..deformable_filter import DeformableFilter
from ..label_assignment import DCCAssigner
from .residual_problems import FilterProblem, JointProblem, RegressionProblem
from .sd_optimizer import Minimisation, SDOptimizer

FILTER_OPTIMIZER = dict(type='SDOptimizer', init_regularisation=(0.1,))
OFFSET_OPTIMIZER = dict(type='SDOptimizer', init_regularisation=(0.03, 0.1))
JOINT_OPTIMIZER = dict(type='SDOptimizer', init_regularisation=(0.1, 0.03, 0.1))


@dataclass(frozen=True)
class Learned:
    """The course of a target model's learning."""

    #: The target model with every filter of the course, at the points that it was learned for.
    iterates: list[TargetModel]
    classification: Minimisation  #: Course of the filter.
    regression: Minimisation | None = None  #: Course of the offset kernel, where it is learned.

    @property
    def model(self) -> TargetModel:
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


class Learner(BaseModule, ABC):
    """Improves target models.

    Args:
        filter_optimizer: Config of the filter's optimiser.

    Attributes:
        gradient_scale: Factor on the classification loss's gradient through the sampling
            positions.
        learns_offsets: Whether the points leave their regular grid.
        learns_boxes: Whether the points' extremes are proposals, learned from the boxes.
    """

    gradient_scale = 1.0
    learns_offsets = True
    learns_boxes = True

    @checked
    def __init__(self, filter_optimizer: dict = FILTER_OPTIMIZER) -> None:
        super().__init__()
        self.filter_optimizer: SDOptimizer = MODELS.build(filter_optimizer)

    @abstractmethod
    def learn(self, problems: TargetProblems, model: TargetModel, num_iters: int) -> Learned:
        """Improve all that is learned of a target model, each part in ``num_iters`` iterations."""

    def learn_filter(
        self, problems: TargetProblems, model: TargetModel, num_iters: int
    ) -> Minimisation:
        """Improve a target model's filter alone, at its sampling points as they are.

        The scores of :class:`FilterSamples` are changed in place to those of the new filter.
        """
        problem, scores = problems.of_filter(model), getattr(problems.samples, 'scores', None)
        course = self.filter_optimizer.minimise(problem, (model.filter,), num_iters, scores)
        if scores is not None:
            scores.copy_(course.prediction)
        return course


@MODELS.register_module()
class FilterLearner(Learner):
    """RC of table 1: a regular correlation filter, learned as in DiMP.

    A target model is its filter alone, and there are no proposals: the tracker puts the last box
    on every cell, and IoU-Net is what changes its size.
    """

    learns_offsets = False
    learns_boxes = False

    def learn(self, problems: TargetProblems, model: TargetModel, num_iters: int) -> Learned:
        course = self.learn_filter(problems, model, num_iters)
        return Learned(_with_filters(model, course), course)


@MODELS.register_module()
class AlternateLearner(Learner):
    """First the offset kernel, from the boxes; then the filter, at the points that it gives.

    Args:
        filter_optimizer: As in :class:`Learner`.
        offset_optimizer: Config of the offset kernel's optimiser.
        gradient_scale: As in :class:`Learner`; used in training only.
        trains_filter: Whether the filter also learns in training. False makes training six times
            as fast, and is enough where only the initial offset kernel is to be trained.
    """

    @checked
    def __init__(
        self,
        filter_optimizer: dict = FILTER_OPTIMIZER,
        offset_optimizer: dict = OFFSET_OPTIMIZER,
        gradient_scale: Probability = 0.1,
        trains_filter: bool = True,
    ) -> None:
        super().__init__(filter_optimizer)
        self.gradient_scale = gradient_scale
        self.offset_optimizer: SDOptimizer = MODELS.build(offset_optimizer)
        self.trains_filter = trains_filter

    def learn(self, problems: TargetProblems, model: TargetModel, num_iters: int) -> Learned:
        regression = self.offset_optimizer.minimise(
            problems.of_boxes(model), (model.affine, model.free), num_iters
        )
        affine, free = regression.parameters
        model = replace(model, affine=affine, free=free)
        iterations = num_iters if self.trains_filter or not self.training else 0
        classification = self.learn_filter(problems, model, iterations)
        return Learned(_with_filters(model, classification), classification, regression)


@MODELS.register_module()
class JointLearner(Learner):
    """Filter and offset kernel in one problem, in which the scores move the points too.

    Without boxes it is DC of table 1, a raw deformable filter whose points go where the
    classification loss sends them. Their extremes are then no proposals.

    Args:
        filter_optimizer: Its three lambdas are of the filter, the affine and the free kernel.
        boxes: Whether the boxes have a part in the problem.
        gradient_scale: As in :class:`Learner`; 1 where no other loss pulls at the points.
    """

    @checked
    def __init__(
        self,
        filter_optimizer: dict = JOINT_OPTIMIZER,
        boxes: bool = True,
        gradient_scale: Probability = 0.1,
    ) -> None:
        super().__init__(filter_optimizer)
        self.gradient_scale = gradient_scale
        self.learns_boxes = boxes

    def learn(self, problems: TargetProblems, model: TargetModel, num_iters: int) -> Learned:
        """Improve both; the two courses are parts of one."""
        problem = problems.of_both(model)
        if not self.learns_boxes:
            problem.regression.weights = torch.zeros_like(problem.regression.weights)
        course = self.filter_optimizer.minimise(
            problem, (model.filter, model.affine, model.free), num_iters
        )
        return Learned(
            [
                replace(model, filter=weight, affine=affine, free=free)
                for weight, affine, free in course.iterates
            ],
            classification=replace(course, iterates=[blocks[:1] for blocks in course.iterates]),
            regression=replace(course, iterates=[blocks[1:] for blocks in course.iterates]),
        )


def _with_filters(model: TargetModel, course: Minimisation) -> list[TargetModel]:
    return [replace(model, filter=weight) for (weight,) in course.iterates]


def _sides(model: TargetModel) -> Tensor:
    """(B, 1, 1, 4), the target's size on each of a box's sides (l, t, r, b), in cells."""
    return model.size.flip(-1).repeat(1, 2)[:, None, None]
