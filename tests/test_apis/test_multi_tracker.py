# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of several objects, against as many single trackers."""

from __future__ import annotations

import numpy as np
import pytest
from fake_model import FakeModel, white_square
from moving_target import MovingTarget, build_tlpg, iou

from tlpg_mmtrack import MultiTracker
from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.structures import TrackingState
from tlpg_mmtrack.utils.errors import InputError

BOX = (30.0, 40.0, 20.0, 20.0)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def tracker(model) -> MultiTracker:
    return MultiTracker(Tracker(model, 'cpu'))


def test_as_many_single_trackers_find_the_same():
    model = build_tlpg(warps=0)
    clips = {
        'left': MovingTarget(0, (60, 90), (3, 1)),
        'right': MovingTarget(1, (200, 60), (-2, 2)),
    }
    pictures = [clips['right'].draw(clips['left'][index], index) for index in range(3)]
    several = MultiTracker(Tracker(model, 'cpu', seed=3))
    several.init(pictures[0], {name: clip.box(0) for name, clip in clips.items()})
    single = {name: Tracker(model, 'cpu', seed=3) for name in clips}
    for name, clip in clips.items():
        single[name].init(pictures[0], clip.box(0))
    for picture in pictures[1:]:
        for name, result in several.track(picture).items():
            expected = single[name].track(picture)
            assert np.array_equal(result.box, expected.box)
            assert (result.score, result.state) == (expected.score, expected.state)


def test_lost_ones_take_turns(monkeypatch):
    """A frame costs no more than with one lost, and each is found when it comes back."""
    model = build_tlpg(confidence=dict(recent=20.0, bias=-5.0), redetection=1)
    observe, regions = model.network.observe, []
    monkeypatch.setattr(
        model.network, 'observe', lambda *inputs: regions.append(1) or observe(*inputs)
    )
    early, late = (
        [MovingTarget(seed, (x, y), (0, 0)) for seed, x in ((3, 10), (5, 130), (6, 250))]
        for y in (10, 180)
    )

    def frame(clips: list[MovingTarget]) -> np.ndarray:
        picture = early[0].background
        for clip in clips:
            picture = clip.draw(picture, 0)
        return picture

    several = MultiTracker(Tracker(model, 'cpu'))
    several.init(frame(early), {number: clip.box(0) for number, clip in enumerate(early)})
    lost, counts = [], []
    for picture in [frame(early)] * 2 + [frame([])] * 6 + [frame(late)] * 20:
        regions.clear()
        results = several.track(picture)
        lost.append([result.state is TrackingState.NOT_FOUND for result in results.values()])
        counts.append(len(regions))
    assert lost[1] == [False] * 3
    assert lost[7] == [True] * 3
    assert max(counts) == counts[7] == 3 + 2
    assert all(iou(results[number].box, clip.box(0)) > 0.5 for number, clip in enumerate(late))


def test_objects_come_and_go(tracker):
    tracker.init(white_square(30), {'first': BOX})
    tracker.add(white_square(34), {'second': (34, 40, 20, 20), 3: (34, 40, 10, 10)})
    assert list(tracker.track(white_square(38))) == list(tracker.names) == ['first', 'second', 3]
    tracker.remove('first')
    results = tracker.track(white_square(42))
    assert list(results) == ['second', 3]
    assert results[3].box[2:].tolist() == [10, 10]
    tracker.init(white_square(30), {'other': BOX})
    assert tracker.names == ('other',)
    tracker.remove('other')
    assert tracker.track(white_square(30)) == {}


def test_a_name_that_is_taken_is_corrected(tracker):
    tracker.init(white_square(30), {'car': BOX, 'dog': BOX})
    tracker.add(white_square(30), {'car': (28, 38, 24, 24)})
    results = tracker.track(white_square(34))
    assert (results['car'].box[2], results['dog'].box[2]) == (24, 20)
    assert tracker.names == ('car', 'dog')


def test_one_that_is_lost_leaves_the_others(tracker, model):
    tracker.init(white_square(30), {'car': BOX, 'dog': BOX})
    assert {each.state for each in tracker.track(None).values()} == {TrackingState.NOT_FOUND}
    assert {each.state for each in tracker.track(white_square(34)).values()} == {
        TrackingState.NORMAL
    }
    assert len(model.starts) == 2


@pytest.mark.parametrize('method', ['init', 'add'])
@pytest.mark.parametrize('box', [(500, 40, 20, 20), 'box'])
def test_a_bad_box_is_named_and_nothing_changes(tracker, method, box):
    tracker.init(white_square(30), {'car': BOX})
    with pytest.raises(InputError, match="'dog': box: "):
        getattr(tracker, method)(white_square(30), {'cat': BOX, 'dog': box})
    assert tracker.names == ('car',)
    assert tracker.track(white_square(34))['car'].state is TrackingState.NORMAL


def test_boxes_need_names(tracker):
    with pytest.raises(TypeError, match=r'dict\(enumerate\(boxes\)\)'):
        tracker.init(white_square(30), [BOX, BOX])


def test_removing_none_of_that_name(tracker):
    tracker.init(white_square(30), {'car': BOX})
    with pytest.raises(InputError, match=r"'dog' is not one of \['car'\]"):
        tracker.remove('dog')
