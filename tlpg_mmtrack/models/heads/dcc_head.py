# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Deformable central correlation: a score and a proposal box per cell, learned online."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from mmcv.utils.ext_loader import check_ops_exist
from mmdet.structures.bbox import bbox_overlaps
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.compat.compiled_ops import MissingOperatorError
from tlpg_mmtrack.ops import (
    BilinearSampler,
    deformable_correlation,
    distances_to_boxes,
    kernel_points,
    points_to_box,
    project,
    prroi_pool_boxes,
)
from tlpg_mmtrack.structures import CellGrid
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import (
    CONFIG,
    NUMBER,
    ODD,
    PROBABILITY,
    at_least,
    checked,
    keys,
    one_of,
    optional,
    whole,
)

from ..full_precision import at_least_float32, in_full_precision
from ..learners import (
    FilterProblem,
    JointProblem,
    Minimisation,
    OffsetField,
    RegressionProblem,
    gaussian_labels,
    hinge_residual,
    scale_gradient,
)
from .target_model import FilterSamples, Learned, Prediction, TargetModel, TemplateSamples

FILTER_OPTIMIZER = dict(type='SDOptimizer', init_regularisation=(0.1,))
OFFSET_OPTIMIZER = dict(type='SDOptimizer', init_regularisation=(0.03, 0.1))
JOINT_OPTIMIZER = dict(type='SDOptimizer', init_regularisation=(0.1, 0.03, 0.1))
LOSS_WEIGHTS = dict(cls=1.0, reg=1.0, neg=0.1)
# theta_lo: a cell with a lower label is a negative, offline only.
_NEGATIVE_LABEL = 0.5


def _equal_weights(features: Tensor) -> Tensor:
    """(B, n) weights of the frames of (B, n, C, H, W) features."""
    sequences, frames = features.shape[:2]
    return features.new_full((sequences, frames), 1.0 / frames)


def smooth_l1(error: Tensor, beta: float) -> Tensor:
    """Smooth L1 that is quadratic below ``beta`` and has slope 1 above."""
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=beta, reduction='none')


def _check_backend(backend: str) -> None:
    """Raise unless score maps can be computed by this backend here."""
    if backend == 'mmcv' and not check_ops_exist():
        raise MissingOperatorError(
            "DCCHead: backend='mmcv' needs mmcv with compiled operators, and mmcv-lite is "
            "installed; set up the full flavour (`make setup MMCV=full`), or set backend='torch'"
        )


@MODELS.register_module()
class DCCHead(BaseModule):
    """One stage of deformable central correlation (sections 3.1 and 3.2).

    A target model is one deformable filter with a single output channel. At every cell it gives a
    score and, as the min-max of its sampling points, a proposal box. Both parts are learned
    online by steepest descent: first the offset kernel from the template boxes, then the filter at
    the sampling points that it gives; or both at once.

    Args:
        in_channels: Channels of the input map.
        feat_channels: Channels of the filter features.
        kernel_size: Odd side of the deformable filter (5 in the paper).
        offset_kernel_size: Odd side of the offset kernel.
        stride: Crop pixels per cell.
        cell_offset: Crop pixel of the centre of cell 0.
        regression_cells: Cells nearest the target at which each frame's box is learned.
        center_shrink: sigma_c, the centre region's size relative to the box.
        label_band: Between the centre region and the box section 3.2 has two labels:
            ``'gaussian'``, smoothed; or ``'ignore'``, such cells count for nothing.
        positive_iou: theta_hi; a cell whose proposal overlaps the box this much is a positive.
        offset_prior: ``'template'``, the undisplaced grid spans the first box's height and width;
            or ``'square'``, it is the regular grid of one cell's spacing.
        learning: ``'alternate'``, the offset kernel, then the filter; or ``'joint'``, both in one
            problem, in which the classification loss moves the points too.
        offset_gradient_scale: Factor on the classification loss's gradient through the sampling
            positions, in training and in joint learning.
        num_training_iters: Iterations unrolled in training.
        filter_optimizer: Config of the filter's optimiser; in joint learning it has three lambdas,
            of the filter, the affine and the free kernel.
        offset_optimizer: Config of the offset kernel's optimiser; joint learning has none.
        loss_weights: Weights of the terms ``cls``, ``reg`` and ``neg``, those that are not 1, 1
            and 0.1.
        backend: What computes score maps: ``'torch'``, or ``'mmcv'``, mmcv's compiled
            ``deform_conv2d``. Learning is in PyTorch with either.
        init_cfg: Initialisation config of mmengine.

    Raises:
        InputError: When an option is out of its range, a key of ``loss_weights`` is unknown, or
            an ``offset_optimizer`` is given for joint learning.
        MissingOperatorError: When ``backend`` is ``'mmcv'`` and mmcv has no compiled operators.

    Attributes:
        grid: Where the map's cells lie on the crop.
        proposes: Whether the extremes of the points are proposals, with losses of their own.
    """

    proposes = True

    @checked(
        in_channels=whole(1),
        feat_channels=whole(1),
        kernel_size=ODD,
        offset_kernel_size=ODD,
        stride=whole(1),
        cell_offset=NUMBER,
        regression_cells=whole(1),
        center_shrink=PROBABILITY,
        label_band=one_of('gaussian', 'ignore'),
        positive_iou=PROBABILITY,
        offset_prior=one_of('template', 'square'),
        learning=one_of('alternate', 'joint'),
        offset_gradient_scale=PROBABILITY,
        num_training_iters=whole(0),
        filter_optimizer=optional(CONFIG),
        offset_optimizer=optional(CONFIG),
        loss_weights=optional(keys(LOSS_WEIGHTS, at_least(0))),
        backend=one_of('torch', 'mmcv'),
    )
    def __init__(
        self,
        in_channels: int,
        feat_channels: int = 512,
        kernel_size: int = 5,
        offset_kernel_size: int = 3,
        stride: int = 16,
        cell_offset: float = 0.0,
        regression_cells: int = 16,
        center_shrink: float = 0.3,
        label_band: str = 'gaussian',
        positive_iou: float = 0.6,
        offset_prior: str = 'template',
        learning: str = 'alternate',
        offset_gradient_scale: float = 0.1,
        num_training_iters: int = 5,
        filter_optimizer: dict | None = None,
        offset_optimizer: dict | None = None,
        loss_weights: dict[str, float] | None = None,
        backend: str = 'torch',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if kernel_size < 3:
            raise InputError(
                f'DCCHead: kernel_size must be at least 3, got {kernel_size}; the points of one '
                'cell span no box'
            )
        _check_backend(backend)
        self.backend = backend
        self.in_channels = in_channels
        self.feat_channels = feat_channels
        self.kernel_size = kernel_size
        self.offset_kernel_size = offset_kernel_size
        self.grid = CellGrid(stride, cell_offset)
        self.regression_cells = regression_cells
        self.center_shrink = center_shrink
        self.label_band = label_band
        self.positive_iou = positive_iou
        self.offset_prior = offset_prior
        self.learning = learning
        self.offset_gradient_scale = offset_gradient_scale
        self.num_training_iters = num_training_iters
        self.loss_weights = LOSS_WEIGHTS | (loss_weights or {})

        self.filter_features = nn.Conv2d(in_channels, feat_channels, 3, padding=1, bias=False)
        self._build_optimizers(filter_optimizer, offset_optimizer)
        self._build_parameters()
        self._build_grid()

    @property
    def _constant(self) -> float:
        """The constant input beside the features: as large as a feature vector is on average."""
        return 1.0 / self.kernel_size

    def _build_optimizers(
        self, filter_optimizer: dict | None, offset_optimizer: dict | None
    ) -> None:
        if self.learning == 'alternate':
            self.filter_optimizer = MODELS.build(filter_optimizer or FILTER_OPTIMIZER)
            self.offset_optimizer = MODELS.build(offset_optimizer or OFFSET_OPTIMIZER)
            return
        if offset_optimizer is not None:
            raise InputError(
                "DCCHead: learning='joint' has one optimiser for both; pass its config as "
                'filter_optimizer, and no offset_optimizer'
            )
        self.filter_optimizer = MODELS.build(filter_optimizer or JOINT_OPTIMIZER)

    def _build_parameters(self) -> None:
        points = self.kernel_size**2
        descriptor = self.feat_channels * self.offset_kernel_size**2 + 1
        self.initial_affine = nn.Parameter(torch.zeros(descriptor, 4))
        self.initial_free = nn.Parameter(torch.zeros(descriptor, 2 * points))
        self.log_initial_gain = nn.Parameter(torch.zeros(()))
        # Starts as the identity on the first channels: where there are as many as come in, an
        # untrained head correlates the pretrained features themselves.
        nn.init.dirac_(self.filter_features.weight)

    def _build_grid(self) -> None:
        unit = kernel_points(self.kernel_size, dtype=torch.float32) / (self.kernel_size - 1)
        zeros = torch.zeros_like(unit[:, 0])
        moves = [
            torch.stack((zeros, torch.ones_like(zeros)), -1),
            torch.stack((torch.ones_like(zeros), zeros), -1),
            torch.stack((zeros, unit[:, 1]), -1),
            torch.stack((unit[:, 0], zeros), -1),
        ]
        self.register_buffer('unit_grid', unit.flatten(), persistent=False)
        self.register_buffer('affine_moves', torch.stack(moves).flatten(1), persistent=False)

    # ---------------------------------------------------------------- geometry

    def proposal_boxes(self, distances: Tensor) -> Tensor:
        """Boxes of every cell's proposal.

        Args:
            distances: (N, 4, H, W), (l, t, r, b) in cells.

        Returns:
            (N, H*W, 4), (x1, y1, x2, y2) in crop pixels.
        """
        centers = self._cell_centers(distances.shape[-2:], distances).t().unsqueeze(0)
        boxes = distances_to_boxes(distances.flatten(2), centers)
        return self.grid.to_pixels(boxes.transpose(1, 2))

    @staticmethod
    def _cell_centers(size: tuple[int, int], like: Tensor) -> Tensor:
        """(H*W, 2), (x, y) of every cell, in cells."""
        rows = torch.arange(size[0], device=like.device, dtype=like.dtype)
        columns = torch.arange(size[1], device=like.device, dtype=like.dtype)
        grid = torch.stack(torch.meshgrid(rows, columns, indexing='ij'), dim=-1)
        return grid.flip(-1).reshape(-1, 2)

    # ---------------------------------------------------------------- features

    def features(self, x: Tensor) -> Tensor:
        """Filter features: a 3x3 convolution, then every map's energy normalised.

        The scale is such that the part of a map under the filter has unit energy on average, so
        that scores and step lengths depend neither on the width nor on the filter's size.

        Args:
            x: (N, in_channels, H, W).

        Returns:
            (N, feat_channels, H, W), float32 under autocast too.

        Raises:
            ValueError: When the number of channels does not fit.
        """
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f'DCCHead: in_channels is {self.in_channels}, but the input has {x.shape[1]} '
                "channels; set in_channels to the neck's out_channels"
            )
        x = at_least_float32(self.filter_features(x))
        energy = x.square().sum(dim=(1, 2, 3), keepdim=True) / (x.shape[-1] * x.shape[-2])
        return x / (energy * self.kernel_size**2 + 1e-8).sqrt()

    def descriptors(self, features: Tensor, cells: Tensor) -> Tensor:
        """What the offset kernel sees at given cells: a neighbourhood of features and a constant.

        Args:
            features: (N, C, H, W).
            cells: (N, R) flat indices of cells.

        Returns:
            (N, R, D), zeros outside the map.
        """
        side = self.offset_kernel_size
        columns = features.shape[-1]
        padded = F.pad(features, [side // 2] * 4)
        steps = torch.arange(side, device=features.device)
        corner = cells // columns * padded.shape[-1] + cells % columns
        index = corner.unsqueeze(-1) + (steps.view(-1, 1) * padded.shape[-1] + steps).flatten()
        index = index.flatten(1).unsqueeze(1).expand(-1, features.shape[1], -1)
        patches = padded.flatten(2).gather(2, index).unflatten(2, (cells.shape[1], -1))
        patches = patches.transpose(1, 2).flatten(2)
        constant = patches.new_full((*patches.shape[:2], 1), self._constant)
        return torch.cat((patches, constant), dim=-1)

    # ---------------------------------------------------------------- learning

    def samples(
        self, features: Tensor, boxes: Tensor, weights: Tensor | None = None
    ) -> TemplateSamples:
        """Prepare frames with known boxes for learning.

        Args:
            features: (B, n, C, H, W), filter features.
            boxes: (B, n, 4), (x1, y1, x2, y2) in crop pixels.
            weights: (B, n) weight of each frame, equal by default.
        """
        sequences, frames = features.shape[:2]
        size = tuple(features.shape[-2:])
        boxes = self.grid.to_cells(boxes)
        cells = self._cell_centers(size, features)
        centers = (boxes[..., :2] + boxes[..., 2:]) / 2
        extent = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-3)
        relative = ((cells - centers.unsqueeze(2)) / extent.unsqueeze(2)).abs().amax(-1)
        distance, nearest = relative.topk(
            min(self.regression_cells, len(cells)), dim=-1, largest=False
        )
        descriptors = self.descriptors(features.flatten(0, 1), nearest.flatten(0, 1))
        places = cells[nearest]
        corners = boxes.unsqueeze(2)
        central = distance <= self.center_shrink / 2
        central[..., 0] = True
        return TemplateSamples(
            features=features,
            labels=gaussian_labels(boxes, size, self.center_shrink),
            descriptors=descriptors.unflatten(0, (sequences, frames)),
            targets=torch.cat((places - corners[..., :2], corners[..., 2:] - places), -1),
            central=central.to(features.dtype),
            weights=_equal_weights(features) if weights is None else weights,
        )

    def filter_samples(
        self, features: Tensor, boxes: Tensor, prediction: Prediction
    ) -> FilterSamples:
        """Prepare frames with known boxes for learning the filter alone; they weigh alike.

        Args:
            features: (B, n, C, H, W), filter features.
            boxes: (B, n, 4), (x1, y1, x2, y2) in crop pixels.
            prediction: What the target model, as it is now, says of the frames.
        """
        size = tuple(features.shape[-2:])
        sampler = self._sampler(prediction.points.flatten(0, 1), features)
        shape = features.shape[:2]
        rows, columns = sampler.fractions
        return FilterSamples(
            features=features,
            labels=gaussian_labels(self.grid.to_cells(boxes), size, self.center_shrink),
            weights=_equal_weights(features),
            scores=prediction.scores,
            index=sampler.index.unflatten(0, shape),
            row_fractions=rows.unflatten(0, shape),
            column_fractions=columns.unflatten(0, shape),
        )

    @in_full_precision
    def initialise(self, features: Tensor, boxes: Tensor) -> TargetModel:
        """Initial target model: region pooling inside the template boxes (section 3.5).

        Each filter weight is the mean feature around its sampling point, so that the filter starts
        as the template itself.

        Args:
            features: (B, n, C, H, W), filter features; n frames are averaged.
            boxes: (B, n, 4) in crop pixels.
        """
        sequences = features.shape[0]
        boxes = self.grid.to_cells(boxes)
        extent = boxes[..., 2:] - boxes[..., :2]
        if self.offset_prior == 'template':
            size = extent[:, 0].flip(-1)
        else:
            size = torch.full_like(extent[:, 0], self.kernel_size - 1)
        half = (size.flip(-1) / 2 * self.kernel_size / (self.kernel_size - 1)).unsqueeze(1)
        centers = (boxes[..., :2] + boxes[..., 2:]) / 2
        regions = torch.cat((centers - half, centers + half), -1)
        pooled = prroi_pool_boxes(
            features.flatten(0, 1), regions.flatten(0, 1).unsqueeze(1), self.kernel_size
        )
        pooled = pooled.flatten(3).view(sequences, -1, *pooled.shape[2:3], self.kernel_size**2)
        return TargetModel(
            filter=self.log_initial_gain.exp() * pooled.mean(dim=1),
            affine=self.initial_affine.expand(sequences, -1, -1),
            free=self.initial_free.expand(sequences, -1, -1),
            size=size,
        )

    @in_full_precision
    def learn(self, model: TargetModel, samples: TemplateSamples, num_iters: int) -> Learned:
        """Improve a target model on samples: the offset kernel, then the filter, or both at once.

        Args:
            model: Where to start.
            samples: What to learn from.
            num_iters: Iterations of each of the two parts.
        """
        if self.learning == 'joint':
            return self._learn_jointly(model, samples, num_iters)
        regression = self.offset_optimizer.minimise(
            self.regression_problem(model, samples), (model.affine, model.free), num_iters
        )
        affine, free = regression.parameters
        model = replace(model, affine=affine, free=free)
        classification = self.learn_filter(model, samples, num_iters)
        model = replace(model, filter=classification.parameters[0])
        return Learned(model, regression, classification)

    def _learn_jointly(
        self, model: TargetModel, samples: TemplateSamples, num_iters: int
    ) -> Learned:
        course = self.filter_optimizer.minimise(
            self.joint_problem(model, samples), (model.filter, model.affine, model.free), num_iters
        )
        weight, affine, free = course.parameters
        return Learned(
            replace(model, filter=weight, affine=affine, free=free),
            replace(course, iterates=[blocks[1:] for blocks in course.iterates]),
            replace(course, iterates=[blocks[:1] for blocks in course.iterates]),
        )

    @in_full_precision
    def learn_filter(
        self, model: TargetModel, samples: TemplateSamples | FilterSamples, num_iters: int
    ) -> Minimisation:
        """Improve a target model's filter alone, at its sampling points as they are.

        The scores of :class:`FilterSamples` are changed in place to those of the new filter.
        """
        problem = self.filter_problem(model, samples)
        if not isinstance(samples, FilterSamples):
            return self.filter_optimizer.minimise(problem, (model.filter,), num_iters)
        course = self.filter_optimizer.minimise(
            problem, (model.filter,), num_iters, samples.scores
        )
        samples.scores.copy_(course.prediction)
        return course

    def regression_problem(
        self, model: TargetModel, samples: TemplateSamples
    ) -> RegressionProblem:
        """The offset kernel's problem; positives are those of the starting point."""
        positive = self._positives(model, samples)
        share = positive / positive.sum(dim=-1, keepdim=True)
        sides = model.size.flip(-1).repeat(1, 2)[:, None, None]
        return RegressionProblem(
            descriptors=samples.descriptors.flatten(1, 2),
            targets=(samples.targets / sides).flatten(1, 2),
            weights=(share * samples.weights.unsqueeze(-1)).flatten(1),
            grid=self.unit_grid.unsqueeze(0),
            affine=self.affine_moves,
        )

    def filter_problem(
        self, model: TargetModel, samples: TemplateSamples | FilterSamples
    ) -> FilterProblem:
        """The filter's problem, at the samples' points, or else at the model's."""
        if isinstance(samples, FilterSamples):
            sampler = samples.sampler
        else:
            sampler = self._sampler(self._points(model, samples.features), samples.features)
        return FilterProblem(
            features=samples.features,
            labels=samples.labels,
            weights=self._cell_weights(samples),
            sampler=sampler,
        )

    def _cell_weights(self, samples: TemplateSamples | FilterSamples) -> Tensor:
        """(B, n, H, W), weight of every cell's classification residual."""
        return samples.weights[..., None, None] * self._counted(samples.labels)

    def _counted(self, labels: Tensor) -> Tensor:
        """1 where a cell's label counts, 0 in a band that is ignored; same shape."""
        if self.label_band == 'gaussian':
            return torch.ones_like(labels)
        return ((labels == 0) | (labels == 1)).to(labels.dtype)

    def joint_problem(self, model: TargetModel, samples: TemplateSamples) -> JointProblem:
        """The problem of filter and offset kernel together."""
        return JointProblem(
            features=samples.features,
            labels=samples.labels,
            weights=self._cell_weights(samples),
            regression=self.regression_problem(model, samples),
            field=self._offset_field(samples.features),
            size=model.size,
            gradient_scale=self.offset_gradient_scale,
        )

    def _offset_field(self, features: Tensor) -> OffsetField:
        return OffsetField(features, self.offset_kernel_size, self._constant)

    @torch.no_grad()
    def _positives(self, model: TargetModel, samples: TemplateSamples) -> Tensor:
        """(B, n, R), 1 for the central cells and where the proposal overlaps the box enough."""
        kernels = (model.affine @ self.affine_moves + model.free).unsqueeze(1)
        points = (samples.descriptors @ kernels + self.unit_grid).flatten(0, 2)
        sides = model.size.flip(-1).repeat(1, 2)[:, None, None]
        proposals = points_to_box(points).view_as(samples.targets) * sides
        signs = proposals.new_tensor([-1.0, -1.0, 1.0, 1.0])
        overlaps = bbox_overlaps(
            (proposals * signs).flatten(0, 2),
            (samples.targets * signs).flatten(0, 2),
            is_aligned=True,
        ).view_as(samples.central)
        return torch.maximum(samples.central, (overlaps >= self.positive_iou).float())

    # ---------------------------------------------------------------- prediction

    @in_full_precision
    def predict(self, model: TargetModel, features: Tensor) -> Prediction:
        """Scores and proposals at every cell.

        Args:
            model: B target models.
            features: (B, n, C, H, W), filter features.
        """
        points = self._points(model, features)
        return Prediction(
            scores=self._scorer(points, features)(model.filter),
            distances=self._distances(points, features),
            points=points.unflatten(0, features.shape[:2]),
        )

    def _points(self, model: TargetModel, features: Tensor) -> Tensor:
        """(B*n, 2K, H*W), sampling points (dy, dx) relative to every cell, in cells."""
        kernel = model.affine @ self.affine_moves + model.free
        points = self._offset_field(features).apply(kernel) + self.unit_grid.unsqueeze(-1)
        size = model.size.repeat(1, self.kernel_size**2).unsqueeze(-1)
        return points * size.repeat_interleave(features.shape[1], dim=0)

    def _sampler(self, points: Tensor, features: Tensor) -> BilinearSampler:
        """Where the filter samples, for B*n frames and all cells."""
        points = scale_gradient(points, self.offset_gradient_scale)
        cells = self._cell_centers(features.shape[-2:], features).t()
        return BilinearSampler.at(
            points[:, 0::2] + cells[1], points[:, 1::2] + cells[0], tuple(features.shape[-2:])
        )

    def _distances(self, points: Tensor, features: Tensor) -> Tensor:
        distances = points_to_box(points)
        sequences, frames, _, height, width = features.shape
        return distances.view(sequences, frames, 4, height, width)

    def _scorer(self, points: Tensor, features: Tensor) -> Callable[[Tensor], Tensor]:
        """Score maps (B, n, H, W) of filters (B, C, K), at points prepared once."""
        sequences, frames, _, height, width = features.shape
        if self.backend == 'torch':
            sampler = self._sampler(points, features)
            return lambda weight: (
                sampler.sample(project(features, weight))
                .sum(dim=1)
                .view(sequences, frames, height, width)
            )
        points = scale_gradient(points, self.offset_gradient_scale)
        # The operator adds the regular grid of one cell's spacing to the offsets it is given.
        grid = kernel_points(self.kernel_size, device=points.device, dtype=points.dtype)
        offsets = (points - grid.flatten().unsqueeze(-1)).view(
            sequences, frames, -1, height, width
        )

        def score(weight: Tensor) -> Tensor:
            filters = weight.unflatten(2, (self.kernel_size, self.kernel_size)).unsqueeze(1)
            maps = map(partial(deformable_correlation, backend='mmcv'), features, filters, offsets)
            return torch.stack([each.squeeze(1) for each in maps])

        return score

    # ---------------------------------------------------------------- offline training

    def loss(
        self,
        template: Tensor,
        template_boxes: Tensor,
        search: Tensor,
        search_boxes: Tensor,
    ) -> dict[str, Tensor]:
        """Learn target models on template frames and judge every iterate on search frames.

        Args:
            template: (B, n, in_channels, H, W).
            template_boxes: (B, n, 4), (x1, y1, x2, y2) in crop pixels.
            search: (B, m, in_channels, H, W).
            search_boxes: (B, m, 4).

        Returns:
            ``loss_cls`` (eq. 3) and, of a head that proposes, ``loss_reg`` (eq. 4 on positives),
            both averaged over iterates, and ``loss_neg``, IoU of the last iterate's negatives with
            the box.
        """
        sequences = len(template)
        template = self.features(template.flatten(0, 1)).unflatten(0, (sequences, -1))
        search = self.features(search.flatten(0, 1)).unflatten(0, (sequences, -1))
        model = self.initialise(template, template_boxes)
        learned = self.learn(
            model, self.samples(template, template_boxes), self.num_training_iters
        )
        truth = self.samples(search, search_boxes)
        losses = dict(loss_cls=self.loss_weights['cls'] * self._loss_cls(learned, truth))
        if not self.proposes:
            return losses
        return dict(
            **losses,
            loss_reg=self.loss_weights['reg'] * self._loss_reg(learned, truth),
            loss_neg=self.loss_weights['neg'] * self._loss_neg(learned.model, truth, search_boxes),
        )

    @in_full_precision
    def _loss_cls(self, learned: Learned, truth: TemplateSamples) -> Tensor:
        """Sum of a frame's squared hinge residuals, mean over frames and iterates."""
        residuals = [
            hinge_residual(scores, truth.labels)
            for scores in self._scores_of_iterates(learned, truth.features)
        ]
        losses = torch.stack(residuals).square() * self._counted(truth.labels)
        return losses.sum(dim=(-2, -1)).mean()

    def _scores_of_iterates(self, learned: Learned, features: Tensor) -> list[Tensor]:
        """(B, n, H, W) score map of each filter that was passed through, at its own points."""
        filters = [weight for (weight,) in learned.classification.iterates]
        if self.learning == 'alternate':
            # The filter was learned at the last points.
            score = self._scorer(self._points(learned.model, features), features)
            return [score(weight) for weight in filters]
        return [
            self._scorer(
                self._points(replace(learned.model, affine=affine, free=free), features), features
            )(weight)
            for weight, (affine, free) in zip(filters, learned.regression.iterates, strict=True)
        ]

    @in_full_precision
    def _loss_reg(self, learned: Learned, truth: TemplateSamples) -> Tensor:
        """Smooth L1 of the positives' proposals, in target sizes, over all iterates."""
        problem = self.regression_problem(learned.model, truth)
        positive = self._positives(learned.model, truth).flatten(1)
        losses = []
        for offset_kernel in learned.regression.iterates:
            error = problem.error(problem.predict(offset_kernel))
            losses.append((smooth_l1(error, problem.beta).sum(-1) * positive).sum())
        return torch.stack(losses).mean() / positive.sum()

    @in_full_precision
    def _loss_neg(self, model: TargetModel, truth: TemplateSamples, boxes: Tensor) -> Tensor:
        """Mean IoU of all negatives' proposals with the true box."""
        distances = self._distances(self._points(model, truth.features), truth.features)
        proposals = self.proposal_boxes(distances.flatten(0, 1))
        overlaps = bbox_overlaps(proposals, boxes.flatten(0, 1).unsqueeze(1)).squeeze(-1)
        # A proposal that fits is a positive, wherever its cell lies.
        negative = truth.labels.flatten(0, 1).flatten(1) < _NEGATIVE_LABEL
        negative = (negative & (overlaps < self.positive_iou)).float()
        return (overlaps * negative).sum() / negative.sum().clamp(min=1)
