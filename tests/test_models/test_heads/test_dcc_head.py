# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""DCCHead: geometry, labels, learning on synthetic targets, and offline training's losses."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from mmdet.structures.bbox import bbox_overlaps
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.models.heads import DCCHead
from tlpg_mmtrack.models.learners import Learned
from tlpg_mmtrack.models.losses import hinge_residual
from tlpg_mmtrack.ops import prroi_pool
from tlpg_mmtrack.structures import Prediction, TargetModel

CELLS, STRIDE, CHANNELS = 18, 16, 25
BOX = torch.tensor([114.0, 119.0, 174.0, 169.0], dtype=torch.float64)
"""The template: 60 x 50 pixels in the middle of a crop of 288."""
ASSIGNED = ('center_shrink', 'label_band', 'positive_iou', 'regression_cells')
LEARNERS = ('AlternateLearner', 'JointLearner')
NEGATIVES = dict(type='OverlapLoss', loss_weight=1.0)


def _head(
    channels: int = CHANNELS, learner: dict | str = 'AlternateLearner', **kwargs: Any
) -> DCCHead:
    """A head of such a learner, with options of its own or of :class:`DCCAssigner`."""
    assigned = {name: kwargs.pop(name) for name in ASSIGNED if name in kwargs}
    settings = dict(type='DCCHead', in_channels=channels, feat_channels=channels)
    learner = dict(type=learner) if isinstance(learner, str) else learner
    assigner = dict(type='DCCAssigner', **assigned)
    return MODELS.build(dict(**settings, learner=learner, assigner=assigner, **kwargs)).double()


def _maps(boxes: Tensor, cell_offset: float = 0.0) -> Tensor:
    """Features of a target in each box, (n, 25, 18, 18): a smooth bump per channel.

    The bumps stand on a 5x5 grid about the target, which stretches with it. They are functions of
    the place in the crop, sampled at the cells' centres, so that moving the target by part of a
    cell changes what every cell sees.
    """
    line = 20.0 * torch.arange(-2, 3, dtype=boxes.dtype)
    places = torch.stack(torch.meshgrid(line, line, indexing='ij'), dim=-1).view(-1, 1, 1, 2)
    cells = cell_offset + STRIDE * torch.arange(CELLS, dtype=boxes.dtype)
    grid = torch.stack(torch.meshgrid(cells, cells, indexing='xy'), dim=-1)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    stretch = (boxes[:, 2:] - boxes[:, :2]) / (BOX[2:] - BOX[:2]).to(boxes.dtype)
    relative = (grid - centers[:, None, None]) / stretch[:, None, None]
    return torch.exp(-(relative[:, None] - places).square().sum(-1) / (2 * 16.0**2))


def _boxes(count: int, seed: int, scale: float = 0.0) -> Tensor:
    """The template box, then others of the same target, shifted and scaled."""
    generator = torch.Generator().manual_seed(seed)
    shift, stretch = torch.rand(2, count, 2, generator=generator, dtype=torch.float64) - 0.5
    shift[0] = stretch[0] = 0
    center = (BOX[:2] + BOX[2:]) / 2 + 80 * shift
    half = (BOX[2:] - BOX[:2]) / 2 * (2 * scale * stretch).exp()
    return torch.cat((center - half, center + half), dim=1)


def _learn(head: DCCHead, boxes: Tensor, iterations: int) -> tuple[TargetModel, Learned]:
    """The target model before and after learning from frames with these boxes."""
    with torch.no_grad():
        features = head.features(_maps(boxes, head.grid.cell_offset)).unsqueeze(0)
        samples = head.samples(features, boxes.unsqueeze(0))
        model = head.initialise(features[:, :1], boxes[None, :1])
        return model, head.learn(model, samples, iterations)


def _predict(head: DCCHead, model: TargetModel, boxes: Tensor) -> tuple[Prediction, Tensor]:
    """Prediction on frames with these boxes, and the proposal at each score map's peak."""
    with torch.no_grad():
        features = head.features(_maps(boxes, head.grid.cell_offset)).unsqueeze(0)
        prediction = head.predict(model, features)
    peaks = prediction.scores[0].flatten(1).argmax(dim=1)
    proposals = head.proposal_boxes(prediction.distances[0])
    return prediction, proposals[torch.arange(len(boxes)), peaks]


class TestSetUp:
    @pytest.mark.parametrize('name', ['kernel_size', 'offset_kernel_size'])
    def test_even_kernels_are_refused(self, name):
        with pytest.raises(ValueError, match=f'DCCHead: {name} must be an odd whole .*, got 4'):
            DCCHead(8, **{name: 4})

    def test_a_kernel_of_one_cell_is_refused(self):
        with pytest.raises(ValueError, match=r'kernel_size must be an odd .* at least 3, got 1'):
            DCCHead(8, kernel_size=1)

    def test_an_unknown_prior_is_named(self):
        with pytest.raises(ValueError, match="offset_prior must be 'template' or 'square'"):
            DCCHead(8, offset_prior='round')

    @pytest.mark.parametrize(
        ('dtype', 'size', 'learner'),
        [
            (torch.float32, (18, 18), 'AlternateLearner'),
            (torch.float64, (9, 14), 'AlternateLearner'),
            (torch.float32, (9, 14), 'JointLearner'),
        ],
    )
    def test_shapes(self, dtype, size, learner):
        head = _head(6, kernel_size=3, learner=learner).to(dtype)
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(2 * 3, 6, *size, generator=generator, dtype=dtype)
        boxes = torch.tensor([40.0, 50.0, 90.0, 100.0], dtype=dtype).expand(2, 3, 4)
        features = head.features(x).unflatten(0, (2, 3))
        samples = head.samples(features, boxes)
        model = head.learn(head.initialise(features, boxes), samples, 2).model
        prediction = head.predict(model, features[:, :2])
        assert model.filter.shape == (2, 6, 9)
        assert prediction.scores.shape == (2, 2, *size)
        assert prediction.distances.shape == (2, 2, 4, *size)
        assert head.proposal_boxes(prediction.distances[1]).shape == (2, size[0] * size[1], 4)
        assert prediction.scores.dtype == prediction.distances.dtype == dtype


class TestFeatures:
    def test_contrast_does_not_matter(self):
        head, maps = _head(), _maps(BOX[None])
        torch.testing.assert_close(head.features(maps), head.features(50 * maps))

    def test_the_part_under_the_filter_has_unit_energy_on_average(self):
        energy = _head(kernel_size=3).features(_maps(_boxes(4, 0))).square().sum((1, 2, 3))
        expected = torch.full_like(energy, CELLS**2 / 3**2)
        torch.testing.assert_close(energy, expected, rtol=1e-5, atol=0)

    def test_an_empty_map_stays_finite(self):
        assert not _head().float().features(torch.zeros(1, CHANNELS, 18, 18)).any()

    def test_untrained_they_are_the_input_s_own_channels(self):
        maps = _maps(BOX[None])
        features = _head().features(maps)
        factor = (features * maps).sum() / maps.square().sum()
        torch.testing.assert_close(features, factor * maps)


@pytest.mark.parametrize('cell_offset', [0.0, 9.0])
class TestGeometry:
    def test_template_grid_spans_the_first_box_at_every_cell(self, cell_offset):
        head = _head(cell_offset=cell_offset)
        model, _ = _learn(head, BOX[None], 0)
        prediction, _ = _predict(head, model, BOX[None])
        proposals = head.proposal_boxes(prediction.distances[0])[0].view(CELLS, CELLS, 4)
        half = torch.tensor([30.0, 25.0], dtype=torch.float64)
        for row, column in ((0, 0), (4, 11), (17, 17)):
            center = cell_offset + 16 * torch.tensor([column, row], dtype=torch.float64)
            expected = torch.cat((center - half, center + half))
            torch.testing.assert_close(proposals[row, column], expected)

    def test_square_grid_spans_four_cells(self, cell_offset):
        head = _head(cell_offset=cell_offset, offset_prior='square')
        model, _ = _learn(head, BOX[None], 0)
        prediction, _ = _predict(head, model, BOX[None])
        torch.testing.assert_close(
            prediction.distances, torch.full_like(prediction.distances, 2.0)
        )

    @pytest.mark.parametrize(('iterations', 'largest'), [(10, 1.0), (40, 0.5)])
    def test_a_target_is_localised_at_every_sub_cell_place(self, cell_offset, iterations, largest):
        """64 places inside a cell: to a pixel as shipped, to half a pixel where it has converged.

        As shipped, the errors of single places are the optimiser's: they have no common part.
        """
        head = _head(cell_offset=cell_offset)
        _, learned = _learn(head, _boxes(24, 1), iterations)
        shifts = torch.tensor(list(product(range(0, 16, 2), repeat=2)), dtype=torch.float64)
        boxes = BOX + shifts.repeat(1, 2)
        prediction, found = _predict(head, learned.model, boxes)
        error = (found[:, :2] + found[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2
        assert error.abs().max() < largest
        assert error.mean(dim=0).abs().max() < 0.1
        assert error.square().mean().sqrt() < 0.25
        # Localised by the nearest cell, not only read right from a far one.
        peaks = prediction.scores[0].flatten(1).argmax(dim=1)
        cells = cell_offset + 16 * torch.stack((peaks % CELLS, peaks // CELLS), dim=1)
        assert (cells - (boxes[:, :2] + boxes[:, 2:]) / 2).abs().max() <= 8.0


class TestSamples:
    """A box of 3 x 2 cells about cell (row 5, column 4.5), by hand."""

    SAMPLED = torch.tensor([48.0, 64.0, 96.0, 96.0], dtype=torch.float64)

    def _samples(self, **kwargs):
        head = _head(center_shrink=0.5, **kwargs)
        features = torch.rand(1, 2, CHANNELS, 12, 10, dtype=torch.float64)
        return head.samples(features, self.SAMPLED.expand(1, 2, 4)), head, features

    @pytest.mark.parametrize('learner', LEARNERS)
    def test_an_ignored_band_teaches_nothing(self, learner):
        head = _head(label_band='ignore', learner=learner)
        with torch.no_grad():
            model = head.initialise(head.features(_maps(BOX[None]))[None], BOX.view(1, 1, 4))
            features = head.features(_maps(_boxes(3, 0))).unsqueeze(0)
            samples = head.samples(features, _boxes(3, 0).unsqueeze(0))
            band = (samples.labels > 0) & (samples.labels < 1)
            learned = head.learn(model, samples, 3).model.filter
            other = replace(
                samples, labels=torch.where(band, 0.5 * samples.labels, samples.labels)
            )
            assert band.sum() >= 12
            assert torch.equal(head.learn(model, other, 3).model.filter, learned)
            # All else does teach: a cell of the centre region, and one of the background.
            for cell in (samples.labels == 1, samples.labels == 0):
                other = replace(samples, labels=torch.where(cell, 0.5, samples.labels))
                assert not torch.equal(head.learn(model, other, 3).model.filter, learned)

    def test_of_an_ignored_band_the_cell_on_the_centre_counts(self):
        head = _head(label_band='ignore', center_shrink=0.1)
        features = torch.rand(1, 1, CHANNELS, 12, 10, dtype=torch.float64)
        samples = head.samples(features, torch.tensor([[[50.0, 66.0, 100.0, 120.0]]]).double())
        model = head.initialise(features, self.SAMPLED.view(1, 1, 4))
        problem = head.problems(samples).of_filter(model)
        positive = (problem.roots > 0) & (samples.labels > 0)
        # The box's centre is (75, 93) pixels: row 5.8, column 4.7.
        assert positive[0, 0].nonzero().tolist() == [[6, 5]]

    def test_targets_are_distances_from_the_nearest_cells(self):
        samples, *_ = self._samples(regression_cells=2)
        places = sorted(samples.targets[0, 0].tolist())
        # From cells (5, 4) and (5, 5) to the sides at columns 3 and 6, rows 4 and 6.
        torch.testing.assert_close(
            torch.tensor(places), torch.tensor([[1.0, 1.0, 2.0, 1.0], [2.0, 1.0, 1.0, 1.0]])
        )

    def test_descriptors_are_what_surrounds_those_cells(self):
        """3x3 features, channel by channel and row by row, zero outside; then the constant."""
        head = _head()
        features = torch.rand(1, 1, CHANNELS, 6, 5, dtype=torch.float64)
        samples = head.samples(features, self.SAMPLED.view(1, 1, 4))
        padded = torch.nn.functional.pad(features[0, 0], (1, 1, 1, 1))
        assert samples.descriptors.shape == (1, 1, 16, CHANNELS * 9 + 1)
        for descriptor, target in zip(
            samples.descriptors[0, 0], samples.targets[0, 0], strict=True
        ):
            column, row = (3 + target[0]).round().int(), (4 + target[1]).round().int()
            expected = padded[:, row : row + 3, column : column + 3].flatten()
            assert torch.equal(descriptor[:-1], expected)
            assert descriptor[-1] == 1 / 5

    def test_one_cell_is_always_central(self):
        head = _head(center_shrink=0.0)
        features = torch.rand(1, 1, CHANNELS, 18, 18, dtype=torch.float64)
        samples = head.samples(features, torch.tensor([[[50.0, 50.0, 53.0, 53.0]]]).double())
        assert samples.central.sum() == 1
        assert samples.central[0, 0, 0] == 1

    def test_no_more_cells_than_there_are(self):
        samples, *_ = self._samples(regression_cells=500)
        assert samples.targets.shape == (1, 2, 120, 4)

    def test_frames_weigh_alike(self):
        samples, *_ = self._samples()
        assert samples.weights.tolist() == [[0.5, 0.5]]

    def test_frames_select(self):
        samples, *_ = self._samples()
        chosen = samples.frames(slice(1, 2))
        assert torch.equal(chosen.features, samples.features[:, 1:])
        assert torch.equal(chosen.targets, samples.targets[:, 1:])
        assert chosen.weights.shape == (1, 1)


class TestInitialise:
    def test_each_weight_pools_its_part_of_the_box(self):
        """The 5x5 points span the box, so each bin is a quarter of it, centred on its point."""
        head, features = _head(), _maps(BOX[None]).unsqueeze(0)
        model = head.initialise(features, BOX[None, None])
        center, size = (BOX[:2] + BOX[2:]) / 2, BOX[2:] - BOX[:2]
        for index, (row, column) in enumerate(product((-2, -1, 0, 1, 2), repeat=2)):
            point = center + size / 4 * torch.tensor([column, row])
            corners = torch.cat((point - size / 8, point + size / 8)) / 16
            region = torch.cat((torch.zeros(1, dtype=torch.float64), corners))
            expected = prroi_pool(features[0], region[None], 1, 1.0).flatten()
            torch.testing.assert_close(model.filter[0, :, index], expected)

    def test_frames_are_averaged(self):
        head, boxes = _head(), _boxes(3, 0)
        features = _maps(boxes).unsqueeze(0)
        together = head.initialise(features, boxes[None]).filter
        alone = [
            head.initialise(features[:, i : i + 1], boxes[None, i : i + 1]).filter
            for i in (0, 1, 2)
        ]
        torch.testing.assert_close(together, torch.stack(alone).mean(dim=0))

    def test_size_is_the_first_box_s(self):
        boxes = _boxes(3, 0, scale=0.4)
        model = _head().initialise(_maps(boxes).unsqueeze(0), boxes[None])
        assert model.size.tolist() == [[50 / 16, 60 / 16]]


class TestLearn:
    def test_lowers_both_objectives_in_every_iteration(self):
        _, learned = _learn(_head(), _boxes(12, 0, scale=0.3), 10)
        for course in (learned.regression, learned.classification):
            objectives = torch.stack(course.objectives)
            assert len(objectives) == 11
            assert (objectives.diff(dim=0) <= 0).all()
            assert (objectives[-1] < 0.5 * objectives[0]).all()

    def test_proposals_come_to_the_true_box_on_new_frames(self):
        """Place and size, for targets scaled by up to a third, which the template is not."""
        head = _head()
        start, learned = _learn(head, _boxes(24, 0, scale=0.3), 10)
        boxes = _boxes(20, 1, scale=0.3)[1:]
        _, found = _predict(head, learned.model, boxes)
        _, initial = _predict(head, replace(start, filter=learned.model.filter), boxes)
        after = bbox_overlaps(found, boxes, is_aligned=True)
        before = bbox_overlaps(initial, boxes, is_aligned=True)
        assert before.mean() < 0.75
        assert after.mean() > before.mean() + 0.1
        assert after.mean() > 0.8
        assert (after > 0.65).all()

    def test_scores_are_high_at_the_target_and_low_elsewhere(self):
        head = _head()
        _, learned = _learn(head, _boxes(24, 0), 20)
        boxes = _boxes(20, 1)
        prediction, _ = _predict(head, learned.model, boxes)
        samples = head.samples(
            head.features(_maps(boxes)).unsqueeze(0).detach(), boxes.unsqueeze(0)
        )
        best = torch.where(samples.labels > 0.5, prediction.scores, -1.0).amax((-2, -1))
        worst = torch.where(samples.labels == 0, prediction.scores, -1.0).amax((-2, -1))
        assert (best > worst + 0.2).all()

    def test_what_is_learned_is_what_is_predicted(self):
        """The proposals that the offset kernel learns from are those predicted at its cells."""
        head, boxes = _head(), _boxes(6, 0, scale=0.3).unflatten(0, (2, 3))
        with torch.no_grad():
            features = head.features(_maps(boxes.flatten(0, 1))).unflatten(0, (2, 3))
            samples = head.samples(features, boxes)
            start = head.initialise(features[:, :1], boxes[:, :1])
            model = head.learn(start, samples, 3).model
            problem = head.problems(samples).of_boxes(model)
            boxes_learned = problem.boxes(problem.predict((model.affine, model.free)))
            distances = head.predict(model, features).distances
        assert not torch.allclose(model.free[0], model.free[1])
        sides = model.size.flip(-1).repeat(1, 2)[:, None, None]
        learned = boxes_learned.view_as(samples.targets) * sides
        corners = head.grid.to_cells(boxes).unsqueeze(2)
        columns, rows = (corners[..., :2] + samples.targets[..., :2]).round().long().unbind(-1)
        index = (rows * CELLS + columns).unsqueeze(2).expand(-1, -1, 4, -1)
        predicted = distances.flatten(3).gather(3, index).transpose(2, 3)
        torch.testing.assert_close(predicted, learned)

    def test_the_filter_is_learned_alone_as_after_the_offsets(self):
        head, boxes = _head(), _boxes(6, 0, scale=0.3)
        start, learned = _learn(head, boxes, 3)
        model = replace(learned.model, filter=start.filter)
        before = {name: value.clone() for name, value in vars(model).items()}
        with torch.no_grad():
            features = head.features(_maps(boxes)).unsqueeze(0)
            course = head.learn_filter(model, head.samples(features, boxes[None]), 3)
        (weight,) = course.parameters
        assert not torch.allclose(weight, start.filter)
        torch.testing.assert_close(weight, learned.model.filter)
        for name, value in before.items():
            assert torch.equal(getattr(model, name), value), name

    def test_frames_of_no_weight_are_not_learned_from(self):
        head, boxes = _head(), _boxes(6, 0, scale=0.3)
        features = head.features(_maps(boxes)).unsqueeze(0).detach()
        weights = torch.tensor([[0.5, 0.5, 0, 0, 0, 0]], dtype=torch.float64)
        model = head.initialise(features[:, :1], boxes[None, :1])
        with torch.no_grad():
            weighed = head.learn(
                model, replace(head.samples(features, boxes[None]), weights=weights), 5
            ).model
            samples = head.samples(features[:, :2], boxes[None, :2])
            two = head.learn(model, samples, 5).model
        torch.testing.assert_close(weighed.filter, two.filter)
        torch.testing.assert_close(weighed.affine, two.affine)

    def test_the_filter_may_stay_as_it_starts_in_training_only(self):
        boxes = _boxes(4, 0, scale=0.2)
        head = _head(learner=dict(type='AlternateLearner', trains_filter=False))
        start, learned = _learn(head, boxes, 3)
        usual = _learn(_head(), boxes, 3)[1].model
        assert torch.equal(learned.model.filter, start.filter)
        assert torch.equal(learned.model.affine, usual.affine)
        assert not torch.equal(usual.filter, start.filter)
        assert torch.equal(_learn(head.eval(), boxes, 3)[1].model.filter, usual.filter)

    def test_the_initial_offset_kernel_may_be_limited_to_stretching(self):
        """Its shifts and single points then have no part in the target model."""
        boxes = _boxes(4, 0, scale=0.2)
        head = _head(initial_moves='stretch')
        with torch.no_grad():
            head.initial_affine.fill_(0.5)
        start, _ = _learn(head, boxes, 0)
        assert (start.affine[..., 2:] == 0.5).all()
        assert not start.affine[..., :2].any()
        assert not head.initial_free.requires_grad


class TestLearnJointly:
    """`JointLearner`: the filter and the points together."""

    def _samples(self, head: DCCHead, distractor: float = 0.0) -> tuple[TargetModel, ...]:
        """A start and 12 frames, each with a part of the target's look beside the target."""
        boxes = _boxes(12, 0, scale=0.3)
        maps = _maps(boxes) + distractor * _maps(boxes + torch.tensor([80.0, 0.0, 80.0, 0.0]))
        features = head.features(maps).unsqueeze(0).detach()
        samples = head.samples(features, boxes.unsqueeze(0))
        return head.initialise(features[:, :1], boxes[None, :1]), samples

    @pytest.mark.parametrize('distractor', [0.0, 0.8])
    def test_its_objective_falls_and_so_do_both_losses(self, distractor):
        head = _head(learner='JointLearner')
        start, samples = self._samples(head, distractor)
        with torch.no_grad():
            learned = head.learn(start, samples, 10)
        objectives = torch.stack(learned.regression.objectives)
        assert len(objectives) == 11
        assert (objectives.diff(dim=0) <= 0).all()
        assert objectives[-1] < 0.5 * objectives[0]
        losses = []
        for model in (start, learned.model):
            problems = (
                (head.problems(samples).of_filter(model), (model.filter,)),
                (head.problems(samples).of_boxes(start), (model.affine, model.free)),
            )
            losses.append([p.evaluate(blocks).residual.square().sum() for p, blocks in problems])
        assert losses[1][0] < losses[0][0]
        assert losses[1][1] < losses[0][1]

    def test_its_residual_is_that_of_both_problems(self):
        head = _head(learner='JointLearner')
        start, samples = self._samples(head)
        with torch.no_grad():
            model = head.learn(start, samples, 2).model
            blocks = (model.filter, model.affine, model.free)
            residual = head.problems(samples).of_both(model).evaluate(blocks).residual
            scores = head.problems(samples).of_filter(model).evaluate(blocks[:1]).residual
            boxes = head.problems(samples).of_boxes(model).evaluate(blocks[1:]).residual
        torch.testing.assert_close(residual, torch.cat((scores, boxes), dim=1))

    def test_the_scores_move_the_points(self):
        """Without a regression loss only the classification is left to."""
        moved = []
        for scale in (0.1, 0.0):
            head = _head(learner=dict(type='JointLearner', gradient_scale=scale))
            start, samples = self._samples(head, distractor=0.8)
            problem = head.problems(samples).of_both(start)
            problem.regression.roots = torch.zeros_like(problem.regression.roots)
            blocks = (start.filter, start.affine, start.free)
            with torch.no_grad():
                moved.append(
                    head.learner.filter_optimizer.minimise(problem, blocks, 3).parameters[2]
                )
        assert moved[0].any()
        assert not moved[1].any()

    def test_the_filter_alone_is_updated_too(self):
        head = _head(learner='JointLearner')
        start, samples = self._samples(head)
        with torch.no_grad():
            course = head.learn_filter(start, samples, 3)
        assert len(course.parameters) == 1
        assert course.objectives[-1] < course.objectives[0]


class TestLoss:
    def _case(self, **kwargs) -> tuple[DCCHead, tuple[Tensor, ...]]:
        """Two sequences of three template frames and two search frames."""
        template = torch.stack([_boxes(3, 0, scale=0.2), _boxes(3, 1, scale=0.2)])
        search = torch.stack([_boxes(3, 2, scale=0.2), _boxes(3, 3, scale=0.2)])[:, 1:]
        maps = [_maps(boxes.flatten(0, 1)).unflatten(0, (2, -1)) for boxes in (template, search)]
        return _head(**kwargs), (maps[0], template, maps[1], search)

    @pytest.mark.parametrize('learner', LEARNERS)
    def test_gradients_reach_every_parameter_and_the_input(self, learner):
        head, (template, template_boxes, search, search_boxes) = self._case(learner=learner)
        template.requires_grad_()
        search.requires_grad_()
        sum(head.loss(template, template_boxes, search, search_boxes).values()).backward()
        untouched = [
            name
            for name, parameter in head.named_parameters()
            if parameter.grad is None or not parameter.grad.any()
        ]
        assert untouched == []
        for value in (*head.parameters(), template, search):
            assert value.grad.isfinite().all()
            assert value.grad.any()

    def test_losses_are_those_of_the_config(self):
        """Each term scaled by its weight, and another loss in the place of one."""
        head, case = self._case()
        losses = head.loss(*case)
        scaled = _head(
            loss_cls=dict(type='HingeGridLoss', loss_weight=2.0),
            loss_reg=dict(type='mmdet.SmoothL1Loss', beta=0.1, loss_weight=0.5),
            loss_neg=dict(type='OverlapLoss', loss_weight=0.0),
        ).loss(*case)
        torch.testing.assert_close(scaled['loss_cls'], 2 * losses['loss_cls'])
        torch.testing.assert_close(scaled['loss_reg'], 0.5 * losses['loss_reg'])
        assert scaled['loss_neg'] == 0
        other = _head(loss_reg=dict(type='mmdet.L1Loss')).loss(*case)
        assert losses['loss_reg'] < other['loss_reg'] < losses['loss_reg'] + 4 * 0.05

    def test_forward_is_learning_and_predicting(self):
        head, (template, template_boxes, search, _) = self._case()
        with torch.no_grad():
            found = head(template, template_boxes, search)
            features = head.features(template)
            model = head.initialise(features, template_boxes)
            model = head.learn(model, head.samples(features, template_boxes), 5).model
            expected = head.predict(model, head.features(search))
        assert torch.equal(found.scores, expected.scores)
        assert torch.equal(found.distances, expected.distances)

    @pytest.mark.parametrize('learner', LEARNERS)
    def test_every_filter_is_judged_at_its_own_points(self, learner):
        """Jointly learned, filter and points of an iterate go together."""
        head, (template, template_boxes, search, search_boxes) = self._case(learner=learner)
        with torch.no_grad():
            loss = head.loss(template, template_boxes, search, search_boxes)['loss_cls']
            template, search = head.features(template), head.features(search)
            start = head.initialise(template, template_boxes)
            learned = head.learn(start, head.samples(template, template_boxes), 5)
            offsets = learned.regression.iterates
            if learner == 'AlternateLearner':
                offsets = [offsets[-1]] * len(offsets)
            losses = []
            for (weight,), (affine, free) in zip(
                learned.classification.iterates, offsets, strict=True
            ):
                model = replace(start, filter=weight, affine=affine, free=free)
                scores = head.predict(model, search).scores
                residuals = hinge_residual(scores, head.samples(search, search_boxes).labels)
                losses.append(residuals.square().sum(dim=(2, 3)).mean())
        assert len(losses) == 6
        torch.testing.assert_close(loss, torch.stack(losses).mean())

    def test_a_loss_may_be_left_out(self):
        head, case = self._case(loss_cls=None, loss_neg=None)
        usual, _ = self._case()
        with torch.no_grad():
            losses, expected = head.loss(*case), usual.loss(*case)
        assert set(losses) == {'loss_reg'}
        assert torch.equal(losses['loss_reg'], expected['loss_reg'])

    def test_an_ignored_band_is_no_part_of_the_score_loss(self):
        """The residuals of eq. 6 outside of the band, of the initial filter, by hand."""
        head, (template, template_boxes, search, search_boxes) = self._case(
            label_band='ignore', num_training_iters=0
        )
        with torch.no_grad():
            loss = head.loss(template, template_boxes, search, search_boxes)['loss_cls']
            template, search = head.features(template), head.features(search)
            scores = head.predict(head.initialise(template, template_boxes), search).scores
        labels = head.samples(search, search_boxes).labels
        inside = (labels == 1).flatten(2).any(dim=2)
        assert inside.all()
        residuals = torch.where(labels == 1, scores - 1, scores.clamp(min=0))
        residuals[(labels > 0) & (labels < 1)] = 0
        torch.testing.assert_close(loss, residuals.square().sum(dim=(2, 3)).mean())

    @pytest.mark.parametrize('positive_iou', [0.6, 0.3])
    def test_without_iterations_negatives_overlap_as_the_undisplaced_grid_does(self, positive_iou):
        """`loss_neg` by hand: template boxes about every cell, compared with the true box."""
        head, case = self._case(
            positive_iou=positive_iou, num_training_iters=0, loss_neg=NEGATIVES
        )
        total, count, fitting, half = 0.0, 0, 0, (BOX[2:] - BOX[:2]) / 2
        for sequence, frame in product(range(2), repeat=2):
            truth = case[3][sequence, frame]
            for row, column in product(range(CELLS), repeat=2):
                center = 16 * torch.tensor([column, row], dtype=torch.float64)
                inside = (center - (truth[:2] + truth[2:]) / 2) / (truth[2:] - truth[:2])
                label = torch.exp(-inside.square().sum() / (2 * 0.25**2))
                if inside.abs().max() <= 0.15:
                    label = 1.0
                if inside.abs().max() > 0.5 or label < 0.5:
                    box = torch.cat((center - half, center + half))
                    overlap = bbox_overlaps(box[None], truth[None]).item()
                    if overlap >= positive_iou:
                        fitting += 1
                    else:
                        total, count = total + overlap, count + 1
        assert (fitting > 0) is (positive_iou == 0.3)
        torch.testing.assert_close(head.loss(*case)['loss_neg'].item(), total / count)

    def test_learning_more_lowers_the_score_loss_on_the_frames_learned_from(self):
        losses = []
        for iterations in (1, 10):
            head, (template, template_boxes, *_) = self._case(num_training_iters=iterations)
            with torch.no_grad():
                losses.append(head.loss(template, template_boxes, template, template_boxes))
        assert losses[1]['loss_cls'] < losses[0]['loss_cls']

    def test_gradient_through_the_sampling_positions_is_scaled(self):
        gradients = []
        for scale in (1.0, 0.1):
            head = _head(learner=dict(type='AlternateLearner', gradient_scale=scale))
            features = _maps(BOX[None]).unsqueeze(0)
            model = head.initialise(features, BOX[None, None])
            scores = head.predict(model, features).scores
            gradients.append(torch.autograd.grad(scores.sum(), head.initial_free)[0])
        assert gradients[0].any()
        torch.testing.assert_close(gradients[1], 0.1 * gradients[0])
