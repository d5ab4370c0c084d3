# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the tracker makes of doubt: it learns nothing, says so, and searches the frame."""

from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
import torch
from moving_target import MovingTarget, iou
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip

from tlpg_mmtrack.models.trackers.appearance import Appearance
from tlpg_mmtrack.models.trackers.confidence import Evidence, confidence_in
from tlpg_mmtrack.models.trackers.search_region import near, scan_boxes
from tlpg_mmtrack.structures import TrackingState

LOOKS = dict(recent=20.0, bias=-5.0)
"""Sure from a cosine of 0.25 on."""


def beside_a_twin(clip: MovingTarget, index: int) -> np.ndarray:
    """A frame in which the target is there twice."""
    return MovingTarget(0, start=(180, 130), step=(0, 0)).draw(clip[index], 0)


class TestConfidence:
    def test_it_is_high_on_the_target_and_low_on_all_else(self, model, clip, monkeypatch):
        monkeypatch.setattr(model, 'options', replace(model.options, confidence=LOOKS))
        target = model.start(clip[0], clip.box(0))
        for index in range(1, 4):
            result = model.step(clip[index], target)
            assert result.state is TrackingState.NORMAL
            assert result.confidence > 0.8
        for _ in range(3):
            result = model.step(clip.background, target)
            assert result.state is TrackingState.NOT_FOUND
            assert result.confidence < 0.2

    def test_an_unsure_frame_is_not_learned(self, model, clip, monkeypatch):
        """The box follows, its size stays; a twin shows that more than the look may be wrong."""
        options = replace(model.options, confidence=dict(bias=-0.5), update_interval=1)
        monkeypatch.setattr(model, 'options', options)
        target = model.start(clip[0], clip.box(0))
        models = [stage.model for stage in target.stages]
        count = target.stages[0].memory.count
        for index in range(1, 4):
            result = model.step(beside_a_twin(clip, index), target)
            assert result.state is TrackingState.UNCERTAIN
            assert result.confidence == pytest.approx(1 / (1 + np.exp(0.5)))
            assert iou(result.box, clip.box(index)) > 0.5
            np.testing.assert_allclose(result.box[2:], clip.box(0)[2:])
        assert [stage.model for stage in target.stages] == models
        assert target.stages[0].memory.count == count

    @pytest.mark.parametrize('alone', [True, False])
    def test_what_has_only_changed_its_looks_is_not_lost(self, model, clip, monkeypatch, alone):
        """Where it was expected, alone, it is followed and learned from, however unlike."""
        options = replace(model.options, confidence=dict(bias=-3.0))
        monkeypatch.setattr(model, 'options', options)
        target = model.start(clip[0], clip.box(0))
        count = target.stages[0].memory.count
        for index in range(1, 4):
            frame = clip[index] if alone else beside_a_twin(clip, index)
            result = model.step(frame, target)
            assert result.confidence == (0.5 if alone else pytest.approx(1 / (1 + np.exp(3.0))))
            assert (result.state is TrackingState.NOT_FOUND) != alone
        assert target.stages[0].memory.count == count + (3 if alone else 0)

    @pytest.mark.parametrize(('shift', 'found'), [(10, True), (-70, False)])
    def test_a_lost_target_must_be_surer_away_from_its_last_place(
        self, model, monkeypatch, shift, found
    ):
        """Of about 0.7, after two frames without it; both places are searched."""
        options = replace(model.options, confidence=dict(level=5.0, bias=-4.15))
        monkeypatch.setattr(model, 'options', options)
        before, after = (MovingTarget(0, start=(x, 90), step=(0, 0)) for x in (130, 130 + shift))
        target = model.start(before[0], before.box(0))
        results = [
            model.step(frame, target)
            for frame in (*[before[0]] * 3, *[before.background] * 2, after[0])
        ]
        lost = [result.state is TrackingState.NOT_FOUND for result in results]
        assert lost == [False, False, False, True, True, not found]
        assert 0.5 < results[-1].confidence < 0.9

    @pytest.mark.parametrize(
        'change',
        [dict(), dict(iou=0.6), dict(second=0.4), dict(jump=0.2), dict(growth=1.2), dict(since=9)],
    )
    def test_steady_evidence_is_at_least_even_odds(self, change):
        evidence = Evidence(0.2, 0.3, 0.1, 0.8, 0.0, 0.1, jump=0.03, growth=0.2, since=1)
        confidence = confidence_in(replace(evidence, **change), dict(bias=-2.0))
        assert confidence == (pytest.approx(1 / (1 + np.exp(2.0))) if change else 0.5)

    def test_without_weights_it_is_one(self, model, clip, target):
        assert model.step(clip[1], target).confidence == 1.0


class TestSearch:
    def clip_with_a_gap(self, index: int) -> np.ndarray:
        """Five frames, ten without the target, then it is in another corner."""
        early, late = (MovingTarget(0, start=at, step=(0, 0)) for at in ((20, 20), (240, 170)))
        if index < 5:
            return early[index]
        return early.background if index < 15 else late[index]

    @pytest.mark.parametrize('redetection', [None, 2])
    def test_a_target_that_comes_back_elsewhere_is_found(self, model, monkeypatch, redetection):
        options = replace(model.options, confidence=LOOKS, redetection=redetection)
        monkeypatch.setattr(model, 'options', options)
        target = model.start(self.clip_with_a_gap(0), np.array([20.0, 20, 60, 48]))
        results = [model.step(self.clip_with_a_gap(index), target) for index in range(1, 30)]
        lost = [result.state is TrackingState.NOT_FOUND for result in results]
        assert not any(lost[:4])
        # One frame is not enough.
        assert all(lost[4:15])
        if redetection is None:
            assert all(lost[15:])
        else:
            assert not lost[-1]
            assert iou(results[-1].box, np.array([240, 170, 60, 48])) > 0.5
            assert results[-1].confidence > 0.8

    def test_no_frame_costs_more_than_three(self, model, clip, monkeypatch):
        """In regions that are scored, which take most of the time."""
        options = replace(model.options, confidence=LOOKS, redetection=1)
        monkeypatch.setattr(model, 'options', options)
        target = model.start(clip[0], clip.box(0))
        observe, calls = model.network.observe, []
        monkeypatch.setattr(
            model.network, 'observe', lambda *inputs: calls.append(1) or observe(*inputs)
        )
        counts = []
        for _ in range(8):
            calls.clear()
            model.step(clip.background, target)
            counts.append(len(calls))
        assert counts[0] == 1
        assert max(counts) <= 3
        assert target.missed == 8

    def test_a_search_needs_a_confidence(self, model):
        with pytest.raises(ValueError, match='test_cfg: redetection needs confidence'):
            replace(model.options, redetection=2)

    @pytest.mark.parametrize('size', [(3, 4), (20, 60), (60, 48), (300, 200), (900, 900)])
    def test_regions_cover_the_frame(self, size):
        frame, scale = (240, 320), 3.75
        last = np.array([250.0, 40, *size])
        boxes = scan_boxes(last, frame, scale)
        assert 1 <= len(boxes) <= 24
        centers = boxes[:, :2] + boxes[:, 2:] / 2
        away = np.linalg.norm(centers - (last[:2] + last[2:] / 2), axis=1)
        assert (np.diff(away) >= 0).all()
        side = scale * np.sqrt(boxes[:, 2] * boxes[:, 3])
        places = np.random.default_rng(0).uniform((0, 0), (320, 240), (200, 2))
        reach = np.abs(places[:, None] - centers).max(axis=2)
        assert (reach <= side / 2).any(axis=1).all()

    def test_near(self):
        box = np.array([10.0, 10, 20, 10])
        assert near(box, box + np.array([19, 9, 0, 0]))
        assert not near(box, box + np.array([21, 0, 0, 0]))
        assert not near(box, box + np.array([0, 11, 0, 0]))


class TestEvidence:
    def test_the_look_of_a_face_is_not_that_of_what_is_beside_it(self, model):
        """In a real frame, whitened by itself; the frame after ten looks alike."""
        video = cv2.VideoCapture(str(demo_clip()))
        frames = [video.read()[1] for _ in range(11)]
        images = np.stack([cv2.resize(frames[i], (192, 192)) for i in (0, 10)])
        images = torch.from_numpy(images).permute(0, 3, 1, 2)
        with torch.inference_mode():
            features = model.network.maps(images).features[0]
        x, y, width, height = np.array(DEMO_BOX) * np.tile(np.divide(192, (176, 144)), 2)
        face = torch.tensor([x, y, x + width, y + height])
        beside = face + torch.tensor([width, 0, width, 0])
        boxes = model.head.grid.to_cells(torch.stack((face, beside)).float())
        appearance = Appearance(features[:1], boxes[:1])
        looks = appearance.look(features[1:], boxes[None])[0]
        same, other = (looks @ appearance.first).tolist()
        assert same > 0.5
        assert other < 0.3

    @pytest.mark.parametrize('value', [0.0, float('nan')])
    def test_features_that_show_nothing_are_nobody_s(self, value):
        """Blank, or of weights that are not finite: no exception, and no confidence."""
        features = torch.full((2, 4, 6, 6), value)
        boxes = torch.tensor([[1.0, 1, 4, 4]]).expand(2, -1)
        appearance = Appearance(features, boxes)
        cosine = float(appearance.look(features[:1], boxes[:1, None])[0, 0] @ appearance.first)
        nothing = Evidence(*[cosine] * len(fields(Evidence)))
        assert confidence_in(nothing, dict(recent=20.0, bias=-5.0)) < 0.01
