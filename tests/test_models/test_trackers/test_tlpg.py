# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG in mmtrack: its interface, training, and mixed precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample
from moving_target import CONFIG, MovingTarget, build_tlpg, track
from torch import Tensor

from tlpg_mmtrack.models.trackers import TLPG
from tlpg_mmtrack.ops.crop import crop_patch
from tlpg_mmtrack.structures import TrackingResult
from tlpg_mmtrack.utils.errors import InputError


class TestMmtrack:
    def _sample(self, box: np.ndarray, index: int) -> TrackDataSample:
        x, y, width, height = box
        corners = [x, y, x + width, y, x + width, y + height, x, y + height]
        sample = TrackDataSample(metainfo=dict(frame_id=index))
        sample.gt_instances = InstanceData(bboxes=torch.tensor([corners], dtype=torch.float32))
        return sample

    @pytest.mark.parametrize('seed', [0, 3])
    def test_predicts_what_start_and_step_do(self, model, clip, seed):
        """From the seed that the process was given."""
        expected = track(model, clip, 4, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._assert_predicts(model, clip, expected)

    def _assert_predicts(
        self, model: TLPG, clip: MovingTarget, expected: list[TrackingResult]
    ) -> None:
        for index in range(4):
            image = torch.from_numpy(clip[index]).permute(2, 0, 1)[None]
            batch = dict(
                inputs=dict(img=[image]), data_samples=[self._sample(clip.box(index), index)]
            )
            with torch.no_grad():
                (answer,) = model.test_step(batch)
            found = answer.pred_track_instances
            if index == 0:
                assert found.scores.tolist() == [-1.0]
                continue
            x1, y1, x2, y2 = found.bboxes[0].tolist()
            box = np.array([x1, y1, x2 - x1, y2 - y1])
            np.testing.assert_allclose(box, expected[index - 1].box, rtol=1e-5, atol=1e-3)
            assert found.scores.item() == pytest.approx(expected[index - 1].score)

    @pytest.mark.parametrize(
        ('postprocess', 'name'),
        [
            ('iou', 'iou_head'),
            ('iou_search', 'iou_head'),
            ('regression', 'iou_head'),
            ('regression', 'box_head'),
        ],
    )
    def test_a_postprocess_needs_its_head(self, postprocess, name):
        config = Config.fromfile(CONFIG).model
        config[name] = None
        config.test_cfg.postprocess = postprocess
        message = rf"postprocess is '{postprocess}', which needs .*: {name}=dict"
        with pytest.raises(ValueError, match=message):
            MODELS.build(config)

    @pytest.mark.parametrize(
        ('key', 'write'), [('crop_sice', 'crop_size'), ('zzz', 'test_mode, crop_size, .*runtime')]
    )
    def test_an_unknown_option_is_named(self, key, write):
        config = Config.fromfile(CONFIG).model
        config.test_cfg[key] = 1
        with pytest.raises(
            InputError, match=rf"^TLPG: test_cfg: unknown key '{key}'; write {write}, or leave"
        ):
            MODELS.build(config)

    @pytest.mark.parametrize('names', [['nek'], 'nek', ['neck', 'box_head']])
    def test_a_frozen_part_must_be_there(self, names):
        config = Config.fromfile(CONFIG).model
        config.box_head, config.test_cfg.postprocess = None, 'nms'
        config.frozen_modules = names
        message = "frozen_modules names '(nek|box_head)', .* parts are backbone, neck, head"
        with pytest.raises(ValueError, match=message):
            MODELS.build(config)


def _training_batch(
    sequences: int, frames: int = 2, size: int = 128
) -> tuple[dict, list[TrackDataSample]]:
    """Crops of synthetic clips about a displaced centre, as mmtrack's pipeline delivers them."""
    random = np.random.default_rng(7)
    images, samples = [], []
    for index in range(sequences):
        clip = MovingTarget(100 + index, start=(60 + 20 * index, 70), step=(3, 2))
        crops, boxes = [], []
        for frame in range(2 * frames):
            box = clip.box(frame)
            side = 5 * np.sqrt(box[2] * box[3]) * np.exp(random.uniform(-0.2, 0.2))
            center = box[:2] + (box[2:] - 1) / 2 + random.uniform(-20, 20, 2)
            crops.append(crop_patch(clip[frame], center, side, size))
            middle = (box[:2] + (box[2:] - 1) / 2 - center) * size / side + (size - 1) / 2
            half = box[2:] / 2 * size / side
            boxes.append(np.concatenate((middle - half, middle + half)))
        images.append(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float())
        boxes = torch.tensor(np.stack(boxes), dtype=torch.float32)
        sample = TrackDataSample()
        sample.gt_instances = InstanceData(bboxes=boxes[:frames])
        sample.search_gt_instances = InstanceData(bboxes=boxes[frames:])
        samples.append(sample)
    images = torch.stack(images)
    return dict(img=images[:, :frames], search_img=images[:, frames:]), samples


class _Remembered(torch.nn.Module):
    """Stands in for a frozen backbone that is shown the same crops again and again."""

    def __init__(self, levels: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        assert len(images) == len(self.levels[0])
        return self.levels


@contextmanager
def _trainee() -> Iterator[TLPG]:
    """A model to train; what its heads draw is drawn alike in every run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield build_tlpg().train()


def test_a_frozen_part_s_statistics_stay_as_they_are() -> None:
    neck = torch.nn.Sequential(torch.nn.BatchNorm2d(4), torch.nn.Dropout())
    model = build_tlpg()
    model.neck, model.frozen_modules = neck, ('neck',)
    model.freeze_module(model.frozen_modules)
    assert model.train().head.training
    assert not any(part.training for part in neck.modules())
    neck(torch.rand(2, 4, 3, 3))
    assert (neck[0].running_mean == 0).all()


OVERFIT_WEIGHTS = dict(loss_reg=4.0, loss_neg=40.0)
"""Of both stages. At the shipped weight ``loss_neg`` is so small that it yields to the others."""


@pytest.fixture(scope='module')
def overfit() -> list[dict[str, float]]:
    """Each weighted term of the loss over 24 iterations on three synthetic sequences."""
    inputs, samples = _training_batch(3)
    course = []
    with _trainee() as model:
        images = torch.cat((inputs['img'].flatten(0, 1), inputs['search_img'].flatten(0, 1)))
        with torch.no_grad():
            model.backbone = _Remembered(model.extract(images).levels)
        for head in (model.head, model.refiner.head):
            for name, weight in OVERFIT_WEIGHTS.items():
                getattr(head, name).loss_weight = weight
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=2e-3)
        for _ in range(24):
            losses = model.loss(inputs, samples)
            optimizer.zero_grad()
            sum(losses.values()).backward()
            torch.nn.utils.clip_grad_norm_(trained, 10.0)
            optimizer.step()
            course.append({name: loss.item() for name, loss in losses.items()})
    return course


STAGE_TERMS = ('loss_cls', 'loss_reg', 'loss_neg')
BOX_TERMS = ('loss_iou', 'loss_side', 'loss_giou')
TERMS = (*STAGE_TERMS, *(f'refine.{term}' for term in STAGE_TERMS), *BOX_TERMS)


class TestMixedPrecision:
    """What a GPU does under ``--amp``, float16 under autocast, on a CPU."""

    def test_losses_and_gradients_are_those_of_full_precision(self):
        batch = _training_batch(2)
        losses, norms = [], []
        for enabled in (False, True):
            with _trainee() as model:
                with torch.autocast('cpu', torch.float16, enabled=enabled):
                    losses.append(model.loss(*batch))
                sum(losses[-1].values()).backward()
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            norms.append(torch.stack([gradient.norm() for gradient in gradients]).norm())
        full, mixed = losses
        assert {loss.dtype for loss in mixed.values()} == {torch.float32}
        for name, loss in full.items():
            torch.testing.assert_close(mixed[name], loss, rtol=0.02, atol=0.02, msg=name)
        torch.testing.assert_close(norms[1], norms[0], rtol=0.1, atol=0)

    def test_boxes_are_those_of_full_precision_to_half_a_pixel(self, model, clip, monkeypatch):
        monkeypatch.setattr(model, 'options', replace(model.options, warps=0))
        full = track(model, clip, 2)
        with torch.autocast('cpu', torch.float16):
            mixed = track(model, clip, 2)
        for one, two in zip(full, mixed, strict=True):
            assert one.box == pytest.approx(two.box, abs=0.5)
            assert one.score == pytest.approx(two.score, abs=0.02)


class TestTraining:
    def test_losses_are_finite_and_reach_every_trained_parameter(self):
        with _trainee() as model:
            losses = model.loss(*_training_batch(2))
        assert losses.keys() == set(TERMS)
        sum(losses.values()).backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all(), name

    @pytest.mark.parametrize('name', TERMS)
    def test_two_dozen_iterations_more_than_halve_every_term(self, overfit, name):
        first, last = overfit[0][name], np.mean([step[name] for step in overfit[-3:]])
        assert last < 0.5 * first
