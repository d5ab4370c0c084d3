# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""SDOptimizer: descent on every kind of problem, differentiability, and mmtrack's slot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mmtrack
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample
from problems import draw_filter_problem, draw_joint_problem, draw_regression_problem, generator_of
from torch import Tensor
from torch.autograd import gradcheck

from tlpg_mmtrack.models.learners import FilterProblem, ResidualProblem, SDOptimizer

SEEDS = range(6)
NONLINEAR = {
    'hinge': lambda seed: draw_filter_problem(seed),
    'displaced hinge': lambda seed: draw_filter_problem(seed, displaced=True),
    'regression': lambda seed: draw_regression_problem(seed),
    'regression from a tie': lambda seed: draw_regression_problem(seed, tied=True),
    'joint': lambda seed: draw_joint_problem(seed),
    'joint, points held back': lambda seed: draw_joint_problem(seed, gradient_scale=0.1),
    'joint with a distractor': lambda seed: draw_joint_problem(seed, 0.1, distractor=0.8),
}


def _optimizer(**kwargs) -> SDOptimizer:
    return SDOptimizer(**(dict(init_regularisation=(0.1, 0.1, 0.1)) | kwargs)).double()


def _course(optimizer: SDOptimizer, case: tuple, iterations: int = 10) -> Tensor:
    """Objectives, (iterations + 1, B)."""
    problem, parameters = case
    with torch.no_grad():
        return torch.stack(optimizer.minimise(problem, parameters, iterations).objectives)


def _optimum(problem: FilterProblem, shape: tuple[int, int], squared_lambda: float) -> Tensor:
    """The closed form of the linear problem, (B, C, K), from its explicit matrix."""
    count = shape[0] * shape[1]
    unit = torch.eye(count, dtype=torch.float64).view(count, 1, *shape).expand(-1, 2, -1, -1)
    columns = [(problem.roots * problem.predict((vector,))).flatten(1) for vector in unit]
    matrix = torch.stack(columns, dim=-1)
    normal = matrix.mT @ matrix + squared_lambda * torch.eye(count, dtype=torch.float64)
    right = (matrix.mT @ (problem.roots * problem.labels).flatten(1).unsqueeze(-1)).squeeze(-1)
    return torch.linalg.solve(normal, right).view(2, *shape)


class TestLinear:
    """Labels of 1 everywhere: one exact step along the gradient, again and again."""

    @pytest.mark.parametrize('seed', range(2))
    @pytest.mark.parametrize('displaced', [False, True])
    def test_every_iteration_lowers_the_objective(self, seed, displaced):
        case = draw_filter_problem(seed, displaced=displaced, linear=True)
        assert (_course(_optimizer(), case).diff(dim=0) < 0).all()

    def test_the_first_step_is_the_exact_minimum_along_the_gradient(self):
        problem, parameters = draw_filter_problem(0, linear=True)
        optimizer = _optimizer(init_regularisation=(0.1,))
        with torch.no_grad():
            start, end = optimizer.minimise(problem, parameters, 1).iterates
            around = [
                optimizer.objective(problem.evaluate((start[0] + factor * (end[0] - start[0]),)))
                for factor in (0.99, 1.0, 1.01)
            ]
        assert (around[0] > around[1]).all()
        assert (around[2] > around[1]).all()

    @pytest.mark.parametrize('displaced', [False, True])
    def test_ten_iterations_come_close_to_the_closed_form(self, displaced):
        """What is left of the objective's excess over the optimum; run with -s to read it."""
        left = []
        for seed in range(5):
            problem, parameters = draw_filter_problem(seed, displaced=displaced, linear=True)
            optimizer = _optimizer(init_regularisation=(0.1,))
            optimum = _optimum(problem, tuple(parameters[0].shape[1:]), 0.1**2)
            with torch.no_grad():
                best = optimizer.objective(problem.evaluate((optimum,)))
            course = _course(optimizer, (problem, parameters))
            assert (course > best).all()
            left.append((course[-1] - best) / (course[0] - best))
        left = torch.stack(left)
        print(f'left after 10 iterations: mean {left.mean():.2%}, worst {left.max():.2%}')
        assert left.max() < 0.05

    def test_many_iterations_reach_the_closed_form(self):
        problem, parameters = draw_filter_problem(0, linear=True)
        optimizer = _optimizer(init_regularisation=(0.5,))
        optimum = _optimum(problem, tuple(parameters[0].shape[1:]), 0.5**2)
        with torch.no_grad():
            found = optimizer.minimise(problem, parameters, 300).parameters[0]
        torch.testing.assert_close(found, optimum, rtol=1e-4, atol=1e-5)


class _Root(ResidualProblem):
    """The residual sqrt(x), which is NaN where the whole step from any x leads: to -x."""

    def predict(self, parameters):
        return parameters[0]

    def predict_transpose(self, cotangent):
        return (cotangent,)

    def residual(self, prediction):
        slope = 0.5 / prediction.sqrt()
        return prediction.sqrt(), lambda t: slope * t, lambda u: slope * u


class TestNotFinite:
    def test_a_candidate_that_is_not_finite_is_not_taken(self):
        """Half of the step, which is finite, leads to the minimum; of NaN there is no way back."""
        optimizer = _optimizer(init_regularisation=(1e-6,))
        start = torch.tensor([[4.0], [0.25]], dtype=torch.float64)
        found = optimizer.minimise(_Root(), (start,), 1).parameters[0]
        torch.testing.assert_close(found, torch.zeros_like(start), rtol=0, atol=1e-6)

    def test_a_sequence_with_a_corrupt_frame_keeps_its_start(self):
        """And the other one in the batch is not disturbed."""
        problem, parameters = draw_filter_problem(0)
        clean = _optimizer().minimise(problem, parameters, 3).parameters[0]
        problem.features[1, 2, 0, 3, 3] = torch.nan
        found = _optimizer().minimise(problem, parameters, 3).parameters[0]
        assert torch.equal(found[0], clean[0])
        assert torch.equal(found[1], parameters[0][1])


@pytest.mark.parametrize('draw', NONLINEAR.values(), ids=NONLINEAR.keys())
class TestNonlinear:
    @pytest.mark.parametrize('init_step', [1.0, 4.0])
    def test_never_rises_and_ends_below_the_start(self, draw: Callable, init_step: float):
        for seed in SEEDS[:3]:
            course = _course(_optimizer(init_step=init_step), draw(seed))
            assert (course.diff(dim=0) <= 0).all(), f'seed {seed}'
            assert (course[-1] < course[0]).all(), f'seed {seed}'

    def test_step_control_is_needed_where_the_model_overshoots(self, draw: Callable):
        """Four times the Gauss-Newton step goes too far: without halving nothing moves."""
        free, bound = (
            torch.stack([_course(optimizer, draw(seed), 5) for seed in SEEDS])
            for optimizer in (_optimizer(init_step=4.0, max_halvings=n) for n in (3, 0))
        )
        assert (bound[:, -1] == bound[:, 0]).any()
        assert (free[:, -1] < free[:, 0]).all()
        assert bound[:, -1].mean() > 1.5 * free[:, -1].mean()


class TestStart:
    def test_no_iterations_return_the_start(self):
        problem, parameters = draw_filter_problem(0)
        result = _optimizer(init_regularisation=(0.1,)).minimise(problem, parameters, 0)
        assert result.parameters is parameters
        assert len(result.objectives) == 1

    def test_at_the_minimum_it_stays(self):
        """No gradient: neither a division by zero nor a step."""
        problem, parameters = draw_filter_problem(0)
        silent = FilterProblem(
            problem.features, problem.labels, torch.zeros_like(problem.labels), problem.sampler
        )
        zeros = (torch.zeros_like(parameters[0]),)
        result = _optimizer(init_regularisation=(0.1,)).minimise(silent, zeros, 3)
        assert not result.parameters[0].any()


class TestDifferentiable:
    def test_gradcheck_of_the_filter_s_course(self):
        problem, (start,) = draw_filter_problem(1, channels=1, side=4)
        optimizer = _optimizer(init_regularisation=(0.1,))

        def run(features: Tensor, weight: Tensor, step: Tensor, regularisation: Tensor) -> Tensor:
            named = dict(log_step=step, log_regularisation=regularisation)
            moved = FilterProblem(features, problem.labels, problem.roots**2, problem.sampler)
            return torch.func.functional_call(
                _Run(optimizer),
                {f'optimizer.{name}': value for name, value in named.items()},
                (moved, (weight,)),
            )

        leaves = [
            problem.features,
            start,
            optimizer.log_step.detach().clone(),
            optimizer.log_regularisation.detach().clone(),
        ]
        assert gradcheck(run, [leaf.requires_grad_() for leaf in leaves])

    @pytest.mark.parametrize('draw', NONLINEAR.values(), ids=NONLINEAR.keys())
    def test_gradients_reach_the_start_and_the_learned_rates(self, draw: Callable):
        problem, parameters = draw(0)
        optimizer = _optimizer(init_regularisation=(0.1,) * len(parameters))
        leaves = [block.requires_grad_() for block in parameters]
        result = optimizer.minimise(problem, tuple(leaves), 3)
        sum(block.square().sum() for block in result.parameters).backward()
        for leaf in (*leaves, optimizer.log_step, optimizer.log_regularisation):
            assert leaf.grad.isfinite().all()
            assert leaf.grad.any()


class _Run(torch.nn.Module):
    """Two iterations as a module's forward, so that its parameters can be replaced."""

    def __init__(self, optimizer: SDOptimizer) -> None:
        super().__init__()
        self.optimizer = optimizer

    def forward(self, problem: FilterProblem, parameters: tuple[Tensor]) -> Tensor:
        return self.optimizer.minimise(problem, parameters, 2).parameters[0]


CONFIG = (
    Path(mmtrack.__file__).parent
    / '.mim/configs/sot/prdimp/prdimp_r50_8xb10-50e_got10k-lasot-trackingnet-coco_base.py'
)
BOX = torch.tensor([[110.0, 120.0, 190.0, 180.0]])


class TestMmtrackSlot:
    """`filter_optimizer=dict(type='SDOptimizer')` in mmtrack's own classification head."""

    @pytest.fixture
    def head(self) -> torch.nn.Module:
        """PrDiMPClsHead with its configured values, a narrower filter of odd size, and ours."""
        config = Config.fromfile(CONFIG).model.cls_head
        config.update(in_dim=16, out_dim=16)
        config.filter_optimizer = dict(type='SDOptimizer')
        config.filter_initializer.update(filter_size=5, feature_dim=16)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            head = MODELS.build(config)
            head.init_weights()
        return head

    def _maps(self, count: int, boxes: Tensor) -> Tensor:
        """Noise with another look inside each box."""
        maps = 0.3 * torch.randn(count, 16, 18, 18, generator=generator_of(0))
        look = torch.randn(16, 1, generator=generator_of(1)).expand(16, 4).unsqueeze(-1)
        for index, (x1, y1, x2, y2) in enumerate((boxes / 16).round().int().tolist()):
            maps[index, :, y1:y2, x1:x2] += look[:, :1, :1]
        return maps

    def test_it_learns_and_updates_a_filter(self, head):
        head.eval()
        boxes = BOX.repeat(4, 1)
        boxes[1:] += torch.tensor([[16.0], [-32.0], [48.0]])
        maps = self._maps(4, boxes)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        cxcywh = torch.cat((centres, boxes[:, 2:] - boxes[:, :2]), 1)
        with torch.no_grad():
            head.init_classifier(maps, cxcywh)
            scores, head.memo.sample_feat = head(maps[:1])
            head.update_classifier(cxcywh[:1], frame_num=2, hard_neg_flag=True)
            updated, _ = head(maps[:1])
        assert head.target_filter.shape == (1, 16, 5, 5)
        for found in (scores, updated):
            row, column = divmod(found.argmax().item(), found.shape[-1])
            assert abs(16 * column - centres[0, 0]) <= 16
            assert abs(16 * row - centres[0, 1]) <= 16

    def test_its_training_loss_reaches_features_and_rates(self, head):
        head.train()
        samples = []
        for _ in range(2):
            sample = TrackDataSample()
            sample.gt_instances = InstanceData(bboxes=BOX.repeat(3, 1))
            sample.search_gt_instances = InstanceData(bboxes=BOX.repeat(3, 1))
            samples.append(sample)
        maps = self._maps(6, BOX.repeat(6, 1))
        losses = head.loss((maps,), (maps,), samples)
        sum(losses.values()).backward()
        assert {'loss_cls_init', 'loss_cls_iter', 'loss_cls_final'} <= losses.keys()
        optimizer = head.filter_optimizer
        for parameter in (
            head.channel_mapping[0].weight,
            optimizer.log_step,
            optimizer.log_regularisation,
        ):
            assert parameter.grad.isfinite().all()
            assert parameter.grad.any()

    def test_in_evaluation_it_returns_the_filter_alone(self):
        weight, feat = torch.zeros(1, 2, 3, 3), torch.rand(4, 2, 9, 9, generator=generator_of(0))
        boxes = torch.tensor([[64.0, 64.0, 48.0, 48.0]]).expand(4, 4)
        optimizer = SDOptimizer(num_iters=2)
        found, iterates, losses = optimizer(weight, feat, boxes)
        assert (len(iterates), len(losses)) == (3, 3)
        assert torch.equal(optimizer.eval()(weight, feat, boxes), found)

    def test_no_iterations_are_no_iterations(self):
        weight, feat = torch.rand(1, 2, 3, 3), torch.rand(4, 2, 9, 9)
        boxes = torch.tensor([[64.0, 64.0, 48.0, 48.0]]).expand(4, 4)
        found, iterates, _ = SDOptimizer()(weight, feat, boxes, num_iters=0)
        assert torch.equal(found, weight)
        assert len(iterates) == 1

    def test_in_mixed_precision_it_learns_in_float32(self):
        weight, feat = torch.rand(1, 2, 3, 3), torch.rand(4, 2, 9, 9)
        boxes = torch.tensor([[64.0, 64.0, 48.0, 48.0]]).expand(4, 4)
        optimizer = SDOptimizer().eval()
        half = weight.half(), feat.half()
        with torch.autocast('cpu', torch.float16):
            found = optimizer(*half, boxes)
        assert torch.equal(found, optimizer(*(value.float() for value in half), boxes))

    def test_frames_count_by_their_weights(self):
        """A frame of no weight might as well be absent."""
        weight, feat = torch.zeros(1, 2, 3, 3), torch.rand(4, 2, 9, 9, generator=generator_of(0))
        boxes = torch.tensor([[64.0, 64.0, 48.0, 48.0]]).expand(4, 4)
        optimizer = SDOptimizer().eval()
        weights = torch.tensor([0.5, 0.5, 0.0, 0.0])
        torch.testing.assert_close(
            optimizer(weight, feat, boxes, sample_weights=weights),
            optimizer(weight, feat[:2], boxes[:2]),
        )

    def test_an_even_filter_is_refused(self):
        with pytest.raises(ValueError, match=r'filter_weights: .* odd .* got 4x4'):
            SDOptimizer()(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 9, 9), torch.zeros(1, 4))
