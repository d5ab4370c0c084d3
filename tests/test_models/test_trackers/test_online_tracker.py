# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tracking on synthetic clips: determinism, updates, options and bad frames."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from moving_target import MovingTarget, assert_sound, iou, track

from tlpg_mmtrack.structures import TrackingState


class TestTracking:
    def test_it_follows_an_easy_target(self, model):
        clip = MovingTarget(1, start=(60, 70), step=(3, 2))
        results = track(model, clip, 12)
        for index, result in enumerate(results, start=1):
            assert_sound(result, clip[index])
            assert iou(result.box, clip.box(index)) > 0.5
            assert result.state is TrackingState.NORMAL
            assert result.score > 0.25

    def test_the_same_seed_gives_the_same_boxes_bit_for_bit(self, model, clip):
        first, second = (track(model, clip, 3, seed=3) for _ in range(2))
        other = track(model, clip, 3, seed=4)
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
            ([10, np.nan, 20, 20], 'box: must be finite'),
            ([-30, 10, 20, 20], r'box: .* lies outside the 320 x 240 frame'),
        ],
    )
    def test_a_first_box_without_a_target_is_refused(self, model, clip, box, message):
        with pytest.raises(ValueError, match=message):
            model.start(clip[0], box)

    def test_interleaved_targets_do_not_meet(self, model, clip):
        """Two objects in one clip, tracked alone and in turns by the same network."""
        other = MovingTarget(5, start=(220, 150), step=(-3, -2))

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

    def test_a_gpu_finds_the_same_boxes(self, model, clip, monkeypatch, device):
        """With updates, and a memory that is full."""
        if device.type == 'cpu':
            pytest.skip('--device names no GPU to compare with')
        options = replace(model.options, update_interval=2, memory_size=2)
        monkeypatch.setattr(model, 'options', options)
        here = deepcopy(model).to('cpu')
        targets = [each.start(clip[0], clip.box(0)) for each in (here, model)]
        for index in range(1, 7):
            expected, box = (
                each.step(clip[index], target).box
                for each, target in zip((here, model), targets, strict=True)
            )
            np.testing.assert_allclose(box, expected, rtol=0, atol=1.0)

    def test_a_box_that_is_not_finite_is_not_taken(self, model, clip, target, monkeypatch):
        """As of weights that are not: the object is not found, and the next frame may find it."""
        before = target.box.copy()
        with monkeypatch.context() as patch:
            patch.setattr(model.refiner, 'refine', lambda view, boxes, scores: (boxes / 0, scores))
            result = model.step(clip[1], target)
        assert result.state is TrackingState.NOT_FOUND
        assert np.array_equal(target.box, before)
        found = model.step(clip[1], target)
        assert found.state is TrackingState.NORMAL
        assert iou(found.box, clip.box(1)) > 0.5

    def test_an_update_is_spread_over_frames(self, model, clip, target, monkeypatch):
        """Two iterations of two stages, one in each frame from the fifth on."""
        options = replace(model.options, update_interval=5, update_iters=2)
        monkeypatch.setattr(model, 'options', options)
        filters = [[stage.model.filter for stage in target.stages]]
        for index in range(1, 10):
            model.step(clip[index], target)
            filters.append([stage.model.filter for stage in target.stages])
        changed = [
            [not torch.equal(*pair) for pair in zip(*both, strict=True)]
            for both in pairwise(filters)
        ]
        idle, first, second = [False, False], [True, False], [False, True]
        assert changed == [idle] * 4 + [first, second] * 2 + [idle]
        assert target.stages[0].memory.count == target.stages[0].memory.first_count + 9

    @pytest.mark.parametrize('bad', ['lost', 'uncertain'])
    def test_an_update_that_falls_on_a_bad_frame_is_made_up_for(
        self, model, clip, target, monkeypatch, bad
    ):
        """On the second good frame after it; the schedule stays as it was."""
        options = replace(model.options, update_interval=5, update_iters=1)
        monkeypatch.setattr(model, 'options', options)
        # Two places are alike for every second peak, and none is far.
        unsure = replace(options, distractor_threshold=-9.0, neighbourhood=0.1, displacement=99.0)
        filters = [target.stages[0].model.filter]
        for index in range(1, 11):
            with monkeypatch.context() as patch:
                frame = clip[index]
                if index in (5, 6) and bad == 'lost':
                    frame = np.zeros_like(frame)
                elif index in (5, 6):
                    patch.setattr(model, 'options', unsure)
                state = model.step(frame, target).state
            if index in (5, 6):
                assert state in (TrackingState.NOT_FOUND, TrackingState.UNCERTAIN)
            filters.append(target.stages[0].model.filter)
        changed = [not torch.equal(a, b) for a, b in pairwise(filters)]
        assert [index for index, new in enumerate(changed, start=1) if new] == [8, 10]

    def test_what_is_stored_is_what_would_be_computed(self, model, clip, monkeypatch):
        """The memory keeps where the filter samples, and what it scores, over several updates."""
        options = replace(model.options, update_interval=2)
        monkeypatch.setattr(model, 'options', options)
        target = model.start(clip[0], clip.box(0))
        for index in range(1, 6):
            model.step(clip[index], target)
        for head, stage in zip(model.network.heads, target.stages, strict=True):
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
        for index in (1, 2):
            model.step(clip[index], target)
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
    def test_a_box_of_no_confidence_counts_a_tenth(self, model, clip, monkeypatch, postprocess):
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

    def test_one_stage_tracks_too(self, model, clip):
        one_stage = deepcopy(model)
        one_stage.refiner = None
        for index, result in enumerate(track(one_stage, clip, 5), start=1):
            assert iou(result.box, clip.box(index)) > 0.5

    @pytest.mark.parametrize('postprocess', ['iou', 'iou_search', 'regression'])
    def test_the_postprocess_stays_with_the_localised_target(
        self, model, clip, monkeypatch, postprocess
    ):
        """However badly it predicts the IoU: here it was never trained."""
        monkeypatch.setattr(model, 'options', replace(model.options, postprocess=postprocess))
        for index, result in enumerate(track(model, clip, 5), start=1):
            assert iou(result.box, clip.box(index)) > 0.3

    def test_the_score_is_the_peak_of_the_mean_over_both_stages(
        self, model, clip, target, monkeypatch
    ):
        observe, seen = model.network.observe, []

        def without_stage_2(crop, models):
            seen.append(observe(crop, models))
            first, second = seen[-1].stages
            silent = replace(second, scores=torch.zeros_like(second.scores))
            return replace(seen[-1], stages=[first, silent])

        monkeypatch.setattr(model.network, 'observe', without_stage_2)
        result = model.step(clip[1], target)
        peak = seen[-1].stages[0].scores.max().item()
        assert result.score == pytest.approx(peak / 2)


class TestBadFrames:
    def test_black_frames_are_not_found(self, model, clip, target):
        found = model.step(clip[1], target)
        for _ in range(3):
            black = np.zeros_like(clip[0])
            result = model.step(black, target)
            assert_sound(result, black)
            assert result.state is TrackingState.NOT_FOUND
            assert np.array_equal(result.box, found.box)
        again = model.step(clip[2], target)
        assert again.state is TrackingState.NORMAL
        assert iou(again.box, clip.box(2)) > 0.5

    def test_a_target_that_leaves_is_not_found(self, model):
        clip = MovingTarget(0, start=(240, 90), step=(16, 0))
        target = model.start(clip[0], clip.box(0))
        states = []
        for index in range(1, 12):
            result = model.step(clip[index], target)
            assert_sound(result, clip[index])
            states.append(result.state)
        assert states[0] is not TrackingState.NOT_FOUND
        assert states[-3:] == [TrackingState.NOT_FOUND] * 3

    def test_the_frame_size_may_change(self, model, clip, target):
        for index, (height, width) in enumerate(((240, 320), (200, 250), (400, 500)), start=1):
            frame = np.zeros((height, width, 3), dtype=np.uint8)
            part = clip[index][:height, :width]
            frame[: part.shape[0], : part.shape[1]] = part
            result = model.step(frame, target)
            assert_sound(result, frame)
            assert iou(result.box, clip.box(index)) > 0.5

    def test_one_small_frame_does_not_move_the_search(self, model, clip, target):
        black = np.zeros((10, 10, 3), dtype=np.uint8)
        result = model.step(black, target)
        assert result.state is TrackingState.NOT_FOUND
        assert_sound(result, black)
        for index in (1, 2):
            result = model.step(clip[index], target)
        assert result.state is TrackingState.NORMAL
        assert iou(result.box, clip.box(2)) > 0.5

    @pytest.mark.parametrize('size', [(1, 240), (20, 30)])
    def test_after_a_tiny_frame_boxes_stay_on_it(self, model, clip, target, size):
        frame = np.full((*size, 3), 90, dtype=np.uint8)
        assert_sound(model.step(frame, target), frame)

    @pytest.mark.parametrize('box', [(-20, -15, 60, 48), (0, 0, 320, 240), (100, 100, 2, 2)])
    def test_starts_at_borders_and_odd_sizes(self, model, clip, box):
        target = model.start(clip[0], np.array(box))
        for index in (1, 2):
            assert_sound(model.step(clip[index], target), clip[index])
