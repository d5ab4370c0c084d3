# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG on synthetic clips: tracking, determinism, bad frames, mmtrack's interface, training.

The backbone has its ImageNet weights, everything else its untrained start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmtrack.registry import MODELS
from mmtrack.structures import TrackDataSample
from torch import Tensor

from tlpg_mmtrack.models import torchscript
from tlpg_mmtrack.models.trackers import TLPG
from tlpg_mmtrack.ops.crop import crop_patch
from tlpg_mmtrack.structures import TrackingResult, TrackingState

CONFIG = Path(__file__).resolve().parents[3] / 'configs/tlpg/tlpg_efflite0_small.py'


def _build(**test_cfg) -> TLPG:
    config = Config.fromfile(CONFIG).model
    config.test_cfg = dict(warps=4, postprocess='nms') | test_cfg
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODELS.build(config)


@pytest.fixture(scope='module')
def model() -> TLPG:
    """The shipped configuration with fewer crops of the first frame, ranking by score."""
    return _build().eval()


def _texture(random: np.random.Generator, size: tuple[int, int], cell: int) -> np.ndarray:
    """Coloured blotches, ``size`` (width, height)."""
    shape = (size[1] // cell + 2, size[0] // cell + 2, 3)
    return cv2.resize(
        random.integers(0, 256, shape, dtype=np.uint8), size, interpolation=cv2.INTER_CUBIC
    )


class Clip:
    """A textured rectangle that moves over a calmer background, 320 x 240."""

    def __init__(self, seed: int, start: tuple[int, int], step: tuple[int, int]) -> None:
        random = np.random.default_rng(seed)
        self.background = _texture(random, (320, 240), 40) // 2 + 60
        self.target = _texture(random, (60, 48), 12)
        self.start, self.step = start, step

    def box(self, index: int) -> np.ndarray:
        """(x, y, width, height) in frame ``index``."""
        x, y = np.array(self.start) + np.array(self.step) * index
        return np.array([x, y, 60, 48], dtype=np.float64)

    def draw(self, frame: np.ndarray, index: int) -> np.ndarray:
        """The target drawn into a frame, as far as it is inside."""
        frame = frame.copy()
        x, y = self.box(index)[:2].astype(int)
        visible = frame[max(y, 0) : max(y + 48, 0), max(x, 0) : max(x + 60, 0)]
        if visible.size:
            cut = self.target[max(-y, 0) :, max(-x, 0) :]
            visible[:] = cut[: visible.shape[0], : visible.shape[1]]
        return frame

    def __getitem__(self, index: int) -> np.ndarray:
        """Frame ``index``, (240, 320, 3) uint8."""
        return self.draw(self.background, index)


@pytest.fixture
def clip() -> Clip:
    """An easy clip."""
    return Clip(0, start=(60, 70), step=(3, 2))


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    boxes = torch.tensor(np.stack((first, second)))
    boxes[:, 2:] += boxes[:, :2]
    return bbox_overlaps(boxes[:1], boxes[1:]).item()


def _assert_sound(result: TrackingResult, frame: np.ndarray) -> None:
    x, y, width, height = result.box
    assert result.box.dtype == np.float64
    assert np.isfinite(result.box).all()
    assert width > 0 and height > 0
    assert x < frame.shape[1] and y < frame.shape[0] and x + width > 0 and y + height > 0


def _track(model: TLPG, clip: Clip, frames: int, seed: int = 0) -> list[TrackingResult]:
    target = model.start(clip[0], clip.box(0), seed)
    return [model.step(clip[index], target) for index in range(1, frames)]


class TestTracking:
    @pytest.mark.parametrize('seed', [0, 1])
    def test_it_follows_an_easy_target(self, model, seed):
        clip = Clip(seed, start=(60, 70), step=(3, 2))
        results = _track(model, clip, 12)
        for index, result in enumerate(results, start=1):
            _assert_sound(result, clip[index])
            assert _iou(result.box, clip.box(index)) > 0.5
            assert result.state is TrackingState.NORMAL
            assert result.score > 0.25

    def test_the_same_seed_gives_the_same_boxes_bit_for_bit(self, model, clip):
        first, second = (_track(model, clip, 3, seed=3) for _ in range(2))
        other = _track(model, clip, 3, seed=4)
        for one, two in zip(first, second, strict=True):
            assert np.array_equal(one.box, two.box)
            assert one.score == two.score
        assert not np.array_equal(first[-1].box, other[-1].box)

    def test_a_rounding_error_of_a_box_does_not_grow(self, model, clip):
        """Crops are cut at whole pixels, so the next box is found at the same place."""
        exact, disturbed = (model.start(clip[0], clip.box(0)) for _ in range(2))
        disturbed.box += 1e-4
        first, second = (model.step(clip[1], target).box for target in (exact, disturbed))
        centers = [box[:2] + (box[2:] - 1) / 2 for box in (first, second)]
        np.testing.assert_allclose(*centers, rtol=0, atol=1e-9)
        # The size moves by its share of the change alone.
        left = 1e-4 * (1 - model.options.box_rate)
        np.testing.assert_allclose(second[2:] - first[2:], left, rtol=1e-6)

    def test_the_first_box_is_the_callers_own(self, model, clip):
        box = clip.box(0)
        target = model.start(clip[0], box)
        box[:] = 0
        assert np.array_equal(target.box, clip.box(0))

    @pytest.mark.parametrize(
        ('box', 'message'),
        [
            ([10, 10, 0, 0], 'box: must be finite and of positive size, got'),
            ([10, np.nan, 20, 20], 'box: must be finite and of positive size, got'),
            ([5000, 5000, 20, 20], r'box: .* lies outside the 320 x 240 frame'),
            ([-30, 10, 20, 20], r'box: .* lies outside the 320 x 240 frame'),
        ],
    )
    def test_a_first_box_without_a_target_is_refused(self, model, clip, box, message):
        with pytest.raises(ValueError, match=message):
            model.start(clip[0], box)

    def test_interleaved_targets_do_not_meet(self, model, clip):
        """Two objects in one clip, tracked alone and in turns by the same network."""
        other = Clip(5, start=(220, 150), step=(-3, -2))

        def frame(index: int) -> np.ndarray:
            return other.draw(clip[index], index)

        alone = []
        for each in (clip, other):
            target = model.start(frame(0), each.box(0))
            alone.append([model.step(frame(index), target).box for index in range(1, 5)])
        targets = [model.start(frame(0), each.box(0)) for each in (clip, other)]
        for index in range(1, 4):
            for target, boxes in zip(targets, alone, strict=True):
                assert np.array_equal(model.step(frame(index), target).box, boxes[index - 1])

    @pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
    def test_a_gpu_finds_the_same_boxes(self, model, clip, monkeypatch):
        """With updates, and a memory that is full."""
        options = replace(model.options, update_interval=2, memory_size=2)
        monkeypatch.setattr(model, 'options', options)
        there = deepcopy(model).to('cuda')
        targets = [each.start(clip[0], clip.box(0)) for each in (model, there)]
        for index in range(1, 7):
            here, other = (
                each.step(clip[index], target).box
                for each, target in zip((model, there), targets, strict=True)
            )
            np.testing.assert_allclose(other, here, rtol=0, atol=1.0)

    def test_a_box_that_is_not_finite_is_not_taken(self, model, clip, monkeypatch):
        """As of weights that are not: the object is not found, and the next frame may find it."""
        target = model.start(clip[0], clip.box(0))
        before = target.box.copy()
        with monkeypatch.context() as patch:
            patch.setattr(model, '_propose', lambda *args: (torch.full((4,), torch.nan), 1.0))
            result = model.step(clip[1], target)
        assert result.state is TrackingState.NOT_FOUND
        assert np.array_equal(target.box, before)
        found = model.step(clip[1], target)
        assert found.state is TrackingState.NORMAL
        assert _iou(found.box, clip.box(1)) > 0.5

    def test_the_models_are_updated_when_due(self, model, clip, monkeypatch):
        monkeypatch.setattr(model, 'options', replace(model.options, update_interval=2))
        target = model.start(clip[0], clip.box(0))
        filters = []
        for index in range(1, 5):
            model.step(clip[index], target)
            filters.append(target.stages[1].model.filter)
        changed = [not torch.equal(a, b) for a, b in pairwise(filters)]
        assert changed == [True, False, True]
        assert target.stages[0].memory.count == target.stages[0].memory.first_count + 4

    @pytest.mark.parametrize('bad', ['lost', 'uncertain'])
    def test_an_update_that_falls_on_a_bad_frame_is_made_up_for(
        self, model, clip, monkeypatch, bad
    ):
        """On the next good frame; the schedule stays as it was."""
        options = replace(model.options, update_interval=3)
        monkeypatch.setattr(model, 'options', options)
        # Two places are alike for every second peak, and none is near enough.
        unsure = replace(options, distractor_threshold=-9.0, neighbourhood=0.1, displacement=0.0)
        target = model.start(clip[0], clip.box(0))
        filters = [target.stages[1].model.filter]
        for index in range(1, 10):
            with monkeypatch.context() as patch:
                frame = clip[index]
                if index in (3, 4) and bad == 'lost':
                    frame = np.zeros_like(frame)
                elif index in (3, 4):
                    patch.setattr(model, 'options', unsure)
                state = model.step(frame, target).state
            if index in (3, 4):
                assert state in (TrackingState.NOT_FOUND, TrackingState.UNCERTAIN)
            filters.append(target.stages[1].model.filter)
        changed = [not torch.equal(a, b) for a, b in pairwise(filters)]
        assert [index for index, new in enumerate(changed, start=1) if new] == [5, 6, 9]

    def test_what_is_stored_is_what_would_be_computed(self, model, clip, monkeypatch):
        """The memory keeps where the filter samples, and what it scores, over several updates."""
        options = replace(model.options, update_interval=2)
        monkeypatch.setattr(model, 'options', options)
        target = model.start(clip[0], clip.box(0))
        for index in range(1, 6):
            model.step(clip[index], target)
        for head, stage in zip(model.stage_heads(), target.stages, strict=True):
            samples = stage.memory.samples
            prediction = head.predict(stage.model, samples.features)
            torch.testing.assert_close(samples.scores, prediction.scores, rtol=1e-4, atol=1e-5)
            # The boxes are not known any more; of what is computed from them, the labels count.
            nowhere = torch.zeros(1, samples.weights.shape[1], 4)
            anew = head.filter_samples(samples.features, nowhere, prediction)
            anew = replace(anew, labels=samples.labels, weights=samples.weights)
            stored, computed = (
                head.problems(some).of_filter(stage.model).evaluate((stage.model.filter,)).residual
                for some in (samples, anew)
            )
            torch.testing.assert_close(stored, computed, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize('learned', [False, True])
    def test_update_offsets_decides_whether_updates_learn_them(
        self, model, clip, monkeypatch, learned
    ):
        options = replace(model.options, update_interval=1, update_offsets=learned)
        monkeypatch.setattr(model, 'options', options)
        target = model.start(clip[0], clip.box(0))
        before = [stage.model for stage in target.stages]
        model.step(clip[1], target)
        for old, stage in zip(before, target.stages, strict=True):
            assert not torch.equal(stage.model.filter, old.filter)
            assert torch.equal(stage.model.affine, old.affine) is not learned
            assert torch.equal(stage.model.free, old.free) is not learned

    def test_box_rate_is_the_share_of_the_change_of_size_that_is_reported(
        self, model, clip, monkeypatch
    ):
        start = model.start(clip[0], clip.box(0))
        boxes = {}
        for rate in (0.0, 0.25, 1.0):
            monkeypatch.setattr(model, 'options', replace(model.options, box_rate=rate))
            boxes[rate] = model.step(clip[1], deepcopy(start)).box
        change = boxes[1.0][2:] - start.box[2:]
        assert (np.abs(change) > 0.1).all()
        for rate, box in boxes.items():
            np.testing.assert_allclose(box[2:], start.box[2:] + rate * change)
            # The place is reported as found, whatever the size.
            center = boxes[1.0][:2] + (boxes[1.0][2:] - 1) / 2
            np.testing.assert_allclose(box[:2] + (box[2:] - 1) / 2, center)

    @pytest.mark.parametrize('postprocess', ['iou', 'iou_search', 'regression'])
    def test_a_box_that_is_not_trusted_counts_a_tenth(self, model, clip, monkeypatch, postprocess):
        """In the reported size, and in memory against the first frame."""
        options = replace(model.options, postprocess=postprocess, size_penalty=0.0)
        monkeypatch.setattr(model, 'options', options)
        start = model.start(clip[0], clip.box(0))
        change, weight = {}, {}
        # No prediction is as high as the first pair, none as low as the second.
        for trusted in ((5.0, 6.0), (-6.0, -5.0), None):
            monkeypatch.setattr(model, 'options', replace(options, trusted_iou=trusted))
            target = deepcopy(start)
            change[trusted] = model.step(clip[1], target).box[2:] - start.box[2:]
            weights = [stage.memory.samples.weights[0] for stage in target.stages]
            weight[trusted] = torch.stack([w[-1] / w[:-1].sum() for w in weights])
        assert (np.abs(change[None]) > 0.01).all()
        np.testing.assert_array_equal(change[-6.0, -5.0], change[None])
        np.testing.assert_allclose(change[5.0, 6.0], 0.1 * change[None], rtol=1e-5)
        torch.testing.assert_close(weight[-6.0, -5.0], weight[None])
        torch.testing.assert_close(weight[5.0, 6.0], 0.1 * weight[None])

    def test_many_poor_boxes_do_not_outvote_a_good_one(self, model, monkeypatch):
        options = replace(model.options, postprocess='iou', trusted_iou=(0.5, 0.8))
        monkeypatch.setattr(model, 'options', options)
        good, poor = torch.tensor([0.0, 0, 100, 100]), torch.tensor([10.0, 10, 85, 86])
        boxes = torch.stack((*[poor] * 24, good, torch.tensor([300.0, 0, 400, 100])))
        iou = torch.tensor([0.5] * 24 + [0.9, 0.85])
        box, trust = model._rank(boxes, iou)
        torch.testing.assert_close(box, good, atol=0.2, rtol=0)
        assert trust == 1.0

    def test_a_box_that_cannot_be_judged_is_not_picked(self, model, monkeypatch):
        """Nor does it count in the mean of those that overlap the best one."""
        monkeypatch.setattr(model, 'options', replace(model.options, postprocess='iou'))
        good = torch.tensor([0.0, 0, 100, 100])
        boxes = torch.stack((good + 300, good + 5, good))
        box, trust = model._rank(boxes, torch.tensor([torch.nan, torch.nan, 0.8]))
        assert torch.equal(box, good)
        assert trust == 1.0
        assert torch.equal(model._merge(boxes[[0, 2]], torch.tensor([torch.nan, 0.8])), good)

    def test_bgr_to_rgb_is_the_order_that_the_backbone_gets(self, model, monkeypatch):
        images = torch.arange(3.0).view(1, 3, 1, 1).expand(1, 3, 64, 64)
        seen = []
        monkeypatch.setattr(
            model.backbone, 'forward', lambda x: seen.append(x * model.std + model.mean)
        )
        monkeypatch.setattr(model, '_combine', lambda levels: None)
        for bgr_to_rgb, order in ((True, [2, 1, 0]), (False, [0, 1, 2])):
            monkeypatch.setattr(model, 'bgr_to_rgb', bgr_to_rgb)
            model.extract(images)
            assert seen[-1][0, :, 0, 0].tolist() == pytest.approx(order, abs=1e-4)

    def test_one_stage_tracks_too(self, model, clip, monkeypatch):
        monkeypatch.setitem(model._modules, 'refiner', None)
        for index, result in enumerate(_track(model, clip, 5), start=1):
            assert _iou(result.box, clip.box(index)) > 0.5

    @pytest.mark.parametrize('postprocess', ['iou', 'iou_search', 'regression'])
    def test_the_postprocess_stays_with_the_localised_target(
        self, model, clip, monkeypatch, postprocess
    ):
        """However badly it judges: here it was never trained."""
        monkeypatch.setattr(model, 'options', replace(model.options, postprocess=postprocess))
        for index, result in enumerate(_track(model, clip, 5), start=1):
            assert _iou(result.box, clip.box(index)) > 0.3

    def test_the_score_is_the_peak_of_the_mean_over_both_stages(self, model, clip, monkeypatch):
        target = model.start(clip[0], clip.box(0))
        observe, seen = model.observe, []

        def without_stage_2(crop, models):
            seen.append(observe(crop, models))
            first, second = seen[-1].predictions
            silent = replace(second, scores=torch.zeros_like(second.scores))
            return replace(seen[-1], predictions=[first, silent])

        monkeypatch.setattr(model, 'observe', without_stage_2)
        result = model.step(clip[1], target)
        peak = seen[-1].predictions[0].scores.max().item()
        assert result.score == pytest.approx(peak / 2)

    @pytest.mark.parametrize('postprocess', ['nms', 'iou_search', 'regression'])
    def test_boxes_are_the_same_where_nothing_is_traced(
        self, model, clip, monkeypatch, postprocess
    ):
        monkeypatch.setattr(model, 'options', replace(model.options, postprocess=postprocess))
        boxes = [result.box for result in _track(model, clip, 4)]
        assert model._traced.after_backbone.traces
        monkeypatch.setattr(torchscript, 'can_run_torchscript', lambda like: False)
        monkeypatch.setattr(model, '_traced', None)
        assert np.array_equal(boxes, [result.box for result in _track(model, clip, 4)])
        assert not model._traced.after_backbone.traces

    def test_what_is_traced_follows_the_weights_the_parts_and_the_options(
        self, model, clip, monkeypatch
    ):
        monkeypatch.setattr(model, 'options', replace(model.options, postprocess='regression'))
        reference = _track(model, clip, 3)[-1].box

        def changed() -> bool:
            return not np.array_equal(_track(model, clip, 3)[-1].box, reference)

        weights = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict({name: value / 2 for name, value in weights.items()})
        assert changed()
        model.load_state_dict(weights)
        assert not changed()
        with monkeypatch.context() as patch:
            patch.setitem(model._modules, 'refiner', None)
            assert changed()
        with monkeypatch.context() as patch:
            patch.setattr(model, 'options', replace(model.options, size_penalty=0.9))
            assert changed()
        assert not changed()

    def test_a_copy_of_a_tracker_that_has_tracked_has_its_own_weights(self, model, clip):
        reference = _track(model, clip, 3)[-1].box
        twin = deepcopy(model)
        assert np.array_equal(_track(twin, clip, 3)[-1].box, reference)
        for parameter in twin.parameters():
            parameter.data.zero_()
        assert np.array_equal(_track(model, clip, 3)[-1].box, reference)


class TestBadFrames:
    def test_black_frames_are_not_found(self, model, clip):
        target = model.start(clip[0], clip.box(0))
        found = model.step(clip[1], target)
        for _ in range(3):
            black = np.zeros_like(clip[0])
            result = model.step(black, target)
            _assert_sound(result, black)
            assert result.state is TrackingState.NOT_FOUND
            assert np.array_equal(result.box, found.box)
        again = model.step(clip[2], target)
        assert again.state is TrackingState.NORMAL
        assert _iou(again.box, clip.box(2)) > 0.5

    def test_a_target_that_leaves_is_not_found(self, model):
        clip = Clip(0, start=(240, 90), step=(16, 0))
        target = model.start(clip[0], clip.box(0))
        states = []
        for index in range(1, 12):
            result = model.step(clip[index], target)
            _assert_sound(result, clip[index])
            states.append(result.state)
        assert states[0] is not TrackingState.NOT_FOUND
        assert states[-3:] == [TrackingState.NOT_FOUND] * 3

    def test_the_frame_size_may_change(self, model, clip):
        target = model.start(clip[0], clip.box(0))
        for index, (height, width) in enumerate(((240, 320), (200, 250), (400, 500)), start=1):
            frame = np.zeros((height, width, 3), dtype=np.uint8)
            part = clip[index][:height, :width]
            frame[: part.shape[0], : part.shape[1]] = part
            result = model.step(frame, target)
            _assert_sound(result, frame)
            assert _iou(result.box, clip.box(index)) > 0.5

    def test_one_small_frame_does_not_move_the_search(self, model, clip):
        target = model.start(clip[0], clip.box(0))
        black = np.zeros((10, 10, 3), dtype=np.uint8)
        result = model.step(black, target)
        assert result.state is TrackingState.NOT_FOUND
        _assert_sound(result, black)
        for index in (1, 2):
            result = model.step(clip[index], target)
        assert result.state is TrackingState.NORMAL
        assert _iou(result.box, clip.box(2)) > 0.5

    @pytest.mark.parametrize('size', [(1, 240), (240, 1), (1, 1), (20, 30)])
    def test_after_a_tiny_frame_boxes_stay_on_it(self, model, clip, size):
        target = model.start(clip[0], clip.box(0))
        frame = np.full((*size, 3), 90, dtype=np.uint8)
        _assert_sound(model.step(frame, target), frame)

    @pytest.mark.parametrize(
        'box', [(-20, -15, 60, 48), (300, 220, 60, 48), (0, 0, 320, 240), (100, 100, 2, 2)]
    )
    def test_starts_at_borders_and_odd_sizes(self, model, clip, box):
        target = model.start(clip[0], np.array(box))
        for index in (1, 2):
            _assert_sound(model.step(clip[index], target), clip[index])


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
        expected = _track(model, clip, 4, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._assert_predicts(model, clip, expected)

    def _assert_predicts(self, model: TLPG, clip: Clip, expected: list[TrackingResult]) -> None:
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

    @pytest.mark.parametrize('names', [['nek'], 'nek', ['neck', 'box_head']])
    def test_a_frozen_part_must_be_there(self, names):
        config = Config.fromfile(CONFIG).model
        config.box_head, config.test_cfg.postprocess = None, 'nms'
        config.frozen_modules = names
        message = "frozen_modules names '(nek|box_head)', .* parts are backbone, neck, head"
        with pytest.raises(ValueError, match=message):
            MODELS.build(config)


def _training_batch(
    sequences: int, frames: int = 2, size: int = 192
) -> tuple[dict, list[TrackDataSample]]:
    """Crops of synthetic clips about a displaced centre, as mmtrack's pipeline delivers them."""
    random = np.random.default_rng(7)
    images, samples = [], []
    for index in range(sequences):
        clip = Clip(100 + index, start=(60 + 20 * index, 70), step=(3, 2))
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
        yield _build().train()


def test_a_frozen_part_s_statistics_stay_as_they_are() -> None:
    neck = torch.nn.Sequential(torch.nn.BatchNorm2d(4), torch.nn.Dropout())
    model = _build()
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

    def test_boxes_are_those_of_full_precision_to_half_a_pixel(self, model, clip):
        full = _track(model, clip, 4)
        with torch.autocast('cpu', torch.float16):
            mixed = _track(model, clip, 4)
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
