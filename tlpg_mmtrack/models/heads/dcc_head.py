# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Deformable central correlation: a score and a proposal box per cell, learned online."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.model import BaseModule
from mmtrack.registry import MODELS, TASK_UTILS
from torch import Tensor, nn

from tlpg_mmtrack.ops import distances_to_boxes
from tlpg_mmtrack.structures import (
    CellGrid,
    FilterSamples,
    Prediction,
    TargetModel,
    TemplateSamples,
)
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, Natural, checked, odd

from ..deformable_filter import DeformableFilter
from ..label_assignment import DCCAssigner
from ..learners import Learned, Learner, Minimisation, TargetProblems
from ..numerics import at_least_float32, in_full_precision

ALTERNATE = dict(type='AlternateLearner')
ASSIGNER = dict(type='DCCAssigner')
HINGE = dict(type='HingeGridLoss')
SMOOTH_L1 = dict(type='mmdet.SmoothL1Loss', beta=0.1)
OVERLAP = dict(type='OverlapLoss', loss_weight=0.1)


@MODELS.register_module()
class DCCHead(BaseModule):
    """One stage of deformable central correlation (sections 3.1 and 3.2).

    A target model is one deformable filter. At every cell it gives a score and, as the min-max of
    its sampling points, a proposal box. The head has what all targets share: filter features, and
    where filters and offset kernels start; a learner improves these.

    Args:
        in_channels: Channels of the input map.
        feat_channels: Channels of the filter features.
        kernel_size: Odd side of the deformable filter (5 in the paper); one cell spans no box.
        offset_kernel_size: Odd side of the offset kernel.
        stride: Crop pixels per cell.
        cell_offset: Crop pixel of the centre of cell 0.
        offset_prior: ``'template'``, the undisplaced grid spans the first box's height and width;
            or ``'square'``, it is the regular grid of one cell's spacing.
        initial_moves: What the trained initial offset kernel does to the points: ``'all'``, or
            ``'stretch'``, only the grid's width and height.
        learner: Config of the :class:`Learner`: how a target is learned.
        assigner: Config of the :class:`DCCAssigner`: labels, positives and negatives.
        num_training_iters: Iterations unrolled in training.
        loss_cls: Config of the loss of score maps (eq. 3); None: nothing is trained on it.
        loss_reg: Config of the loss of the positives' proposals (l, t, r, b) in target sizes.
        loss_neg: Config of the loss of the negatives' proposals (x1, y1, x2, y2); or None.
        backend: What computes score maps: ``'torch'``, or ``'mmcv'``, mmcv's compiled
            ``deform_conv2d``; learning is in PyTorch with either.

    Raises:
        MissingOperatorError: ``backend`` is ``'mmcv'`` and mmcv has no compiled operators.

    Attributes:
        grid: Where the map's cells lie on the crop.
        proposes: Whether the extremes of the points are proposals, with losses of their own.
    """

    @checked
    def __init__(
        self,
        in_channels: Count,
        feat_channels: Count = 512,
        kernel_size: Annotated[int, odd(3)] = 5,
        offset_kernel_size: Annotated[int, odd(1)] = 3,
        stride: Count = 16,
        cell_offset: float = 0.0,
        offset_prior: Literal['template', 'square'] = 'template',
        initial_moves: Literal['all', 'stretch'] = 'all',
        learner: dict = ALTERNATE,
        assigner: dict = ASSIGNER,
        num_training_iters: Natural = 5,
        loss_cls: dict | None = HINGE,
        loss_reg: dict = SMOOTH_L1,
        loss_neg: dict | None = OVERLAP,
        backend: Literal['torch', 'mmcv'] = 'torch',
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.feat_channels = feat_channels
        self.kernel_size = kernel_size
        self.grid = CellGrid(stride, cell_offset)
        self.backend = backend
        self.num_training_iters = num_training_iters
        self.learner: Learner = MODELS.build(learner)
        self.proposes = self.learner.learns_boxes
        self.assigner: DCCAssigner = TASK_UTILS.build(assigner)
        self.filter = DeformableFilter(
            kernel_size, offset_kernel_size, offset_prior, self.learner.gradient_scale, backend
        )
        self.loss_cls = loss_cls and MODELS.build(loss_cls)
        self.loss_reg = MODELS.build(loss_reg)
        self.loss_neg = loss_neg and MODELS.build(loss_neg)
        self.filter_features = nn.Conv2d(in_channels, feat_channels, 3, padding=1, bias=False)
        # Starts as the identity on the first channels: where there are as many as come in, an
        # untrained head correlates the pretrained features themselves.
        nn.init.dirac_(self.filter_features.weight)
        descriptor = feat_channels * offset_kernel_size**2 + 1
        self.initial_affine = nn.Parameter(torch.zeros(descriptor, 4))
        self.initial_free = nn.Parameter(torch.zeros(descriptor, 2 * kernel_size**2))
        for start in (self.initial_affine, self.initial_free):
            start.requires_grad_(self.learner.learns_offsets)
        moves = torch.ones(4)
        if initial_moves == 'stretch':
            moves[:2] = 0
            self.initial_free.requires_grad_(False)
        self.register_buffer('initial_moves', moves, persistent=False)
        self.log_initial_gain = nn.Parameter(torch.zeros(()))

    def features(self, x: Tensor) -> Tensor:
        """Filter features of (N, in_channels, H, W) or (B, n, in_channels, H, W), in float32.

        A 3x3 convolution, then every map is scaled so that the part of it under the filter has
        unit energy on average: scores and step lengths depend neither on the width nor on the
        filter's size.
        """
        if x.dim() == 5:
            return self.features(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        x = at_least_float32(self.filter_features(x))
        energy = x.square().sum(dim=(1, 2, 3), keepdim=True) / (x.shape[-1] * x.shape[-2])
        return x / (energy * self.kernel_size**2 + 1e-8).sqrt()

    def proposal_boxes(self, distances: Tensor) -> Tensor:
        """(N, H*W, 4), (x1, y1, x2, y2) in crop pixels from (N, 4, H, W) distances in cells."""
        centers = _cell_centers(distances.shape[-2:], distances).t().unsqueeze(0)
        boxes = distances_to_boxes(distances.flatten(2), centers)
        return self.grid.to_pixels(boxes.transpose(1, 2))

    def samples(self, features: Tensor, boxes: Tensor) -> TemplateSamples:
        """Prepare frames of (B, n, C, H, W) filter features for learning; they weigh alike.

        Their true boxes are (B, n, 4), (x1, y1, x2, y2) in crop pixels.
        """
        size = tuple(features.shape[-2:])
        boxes = self.grid.to_cells(boxes)
        cells, targets, central = self.assigner.regressed(boxes, _cell_centers(size, features))
        descriptors = self.filter.descriptors(features.flatten(0, 1), cells.flatten(0, 1))
        return TemplateSamples(
            features=features,
            labels=self.assigner.labels(boxes, size),
            descriptors=descriptors.unflatten(0, features.shape[:2]),
            targets=targets,
            central=central.to(features.dtype),
            weights=features.new_full(features.shape[:2], 1.0 / features.shape[1]),
        )

    def filter_samples(
        self, features: Tensor, boxes: Tensor, prediction: Prediction
    ) -> FilterSamples:
        """As :meth:`samples`, for learning the filter of what predicts so now, and no more."""
        sampler = self.filter.sampler(prediction.points.flatten(0, 1), features)
        places = (sampler.index, *sampler.fractions)
        return FilterSamples(
            features,
            self.assigner.labels(self.grid.to_cells(boxes), tuple(features.shape[-2:])),
            features.new_full(features.shape[:2], 1.0 / features.shape[1]),
            prediction.scores,
            *(place.unflatten(0, features.shape[:2]) for place in places),
        )

    def problems(self, samples: TemplateSamples | FilterSamples) -> TargetProblems:
        return TargetProblems(self.filter, self.assigner, samples)

    @in_full_precision
    def initialise(self, features: Tensor, boxes: Tensor) -> TargetModel:
        """Initial target model: region pooling inside the template boxes (section 3.5).

        Each filter weight is the mean filter feature around its sampling point, over n frames too;
        arguments as of :meth:`samples`.
        """
        weights, size = self.filter.pool(features, self.grid.to_cells(boxes))
        return TargetModel(
            filter=self.log_initial_gain.exp() * weights,
            affine=(self.initial_affine * self.initial_moves).expand(len(features), -1, -1),
            free=self.initial_free.expand(len(features), -1, -1),
            size=size,
        )

    @in_full_precision
    def learn(self, model: TargetModel, samples: TemplateSamples, num_iters: int) -> Learned:
        """Improve a target model on samples; see :meth:`Learner.learn`."""
        return self.learner.learn(self.problems(samples), model, num_iters)

    @in_full_precision
    def learn_filter(
        self, model: TargetModel, samples: TemplateSamples | FilterSamples, num_iters: int
    ) -> Minimisation:
        """Improve a target model's filter alone; see :meth:`Learner.learn_filter`."""
        return self.learner.learn_filter(self.problems(samples), model, num_iters)

    @in_full_precision
    def predict(self, model: TargetModel, features: Tensor) -> Prediction:
        """Scores and proposals of B target models at every cell of (B, n, C, H, W) features."""
        points = self.filter.points(model, features)
        return Prediction(
            scores=self.filter.scores(points, features, [model.filter])[0],
            distances=self.filter.distances(points, features),
            points=points.unflatten(0, features.shape[:2]),
        )

    def forward(self, template: Tensor, template_boxes: Tensor, search: Tensor) -> Prediction:
        """Learn target models on template maps, as in training, and find them on search maps.

        Maps are (B, n or m, in_channels, H, W), boxes (B, n, 4), (x1, y1, x2, y2) in crop pixels.
        """
        model = self._learn_from(template, template_boxes).model
        return self.predict(model, self.features(search))

    def _learn_from(self, template: Tensor, boxes: Tensor) -> Learned:
        features = self.features(template)
        model = self.initialise(features, boxes)
        return self.learn(model, self.samples(features, boxes), self.num_training_iters)

    def loss(
        self, template: Tensor, template_boxes: Tensor, search: Tensor, search_boxes: Tensor
    ) -> dict[str, Tensor]:
        """:meth:`loss_by_feat` of what is learned as in :meth:`forward`, on (B, m, 4) boxes."""
        learned = self._learn_from(template, template_boxes)
        return self.loss_by_feat(learned, self.features(search), search_boxes)

    @in_full_precision
    def loss_by_feat(self, learned: Learned, features: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        """Losses of what was learned on other frames; arguments as of :meth:`samples`.

        They are ``loss_cls`` (eq. 3) and, of a head that proposes, ``loss_reg`` (eq. 4 on
        positives), means over the iterates, and ``loss_neg``, of the last iterate's negatives.
        """
        truth, losses = self.samples(features, boxes), {}
        if self.loss_cls is not None:
            scores = self.filter.course_scores(learned.iterates, features)
            labels, maps = truth.labels.expand_as(scores), scores[..., 0, 0].numel()
            counted = self.assigner.counted(labels)
            losses['loss_cls'] = self.loss_cls(scores, labels, counted, avg_factor=maps)
        if self.proposes:
            losses['loss_reg'] = self._positives_loss(learned, truth)
            if self.loss_neg is not None:
                losses['loss_neg'] = self._negatives_loss(learned.model, truth, boxes)
        return losses

    def _positives_loss(self, learned: Learned, truth: TemplateSamples) -> Tensor:
        """Of the positives' proposals in target sizes, over all iterates."""
        problems = self.problems(truth)
        problem = problems.of_boxes(learned.model)
        boxes = torch.stack(
            [problem.boxes(problem.predict(kernels)) for kernels in learned.regression.iterates]
        )
        weight = problems.positives(learned.model).view(1, *boxes.shape[1:3], 1).expand_as(boxes)
        total = weight[..., 0].sum()
        return self.loss_reg(boxes, problem.targets.expand_as(boxes), weight, avg_factor=total)

    def _negatives_loss(self, model: TargetModel, truth: TemplateSamples, boxes: Tensor) -> Tensor:
        points = self.filter.points(model, truth.features)
        distances = self.filter.distances(points, truth.features)
        proposals = self.proposal_boxes(distances.flatten(0, 1))
        targets = boxes.flatten(0, 1).unsqueeze(1).expand_as(proposals)
        overlaps = bbox_overlaps(proposals, targets, is_aligned=True)
        negative = self.assigner.negatives(truth.labels.flatten(0, 1).flatten(1), overlaps)
        return self.loss_neg(
            proposals.flatten(0, 1),
            targets.flatten(0, 1),
            weight=negative.flatten(),
            avg_factor=negative.sum().clamp(min=1),
        )


def _cell_centers(size: tuple[int, int], like: Tensor) -> Tensor:
    """(H*W, 2), (x, y) of every cell of a map, in cells."""
    lines = (torch.arange(side, device=like.device, dtype=like.dtype) for side in size)
    return torch.cartesian_prod(*lines).flip(-1)
