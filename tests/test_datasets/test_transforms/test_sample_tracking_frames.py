# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the choice of frames."""

from __future__ import annotations

import numpy as np
import pytest

from tlpg_mmtrack.datasets import SampleTrackingFrames


def sequence(visible: list[bool], seed: int = 0) -> dict:
    """A sequence of which frame `i` has its box at x = i."""
    count = len(visible)
    corner = np.arange(count, dtype=np.float64)
    return dict(
        img_paths=[f'{i}.jpg' for i in range(count)],
        frame_ids=np.arange(count),
        video_id=3,
        video_length=count,
        bboxes=np.stack([corner, corner, corner + 9, corner + 9], axis=1),
        visible=np.array(visible),
        outlines=[[]] * count,
        paste_only=False,
        peer=None,
        rng=np.random.default_rng(seed),
    )


def test_search_frames_follow_templates_within_the_gap() -> None:
    sampling = SampleTrackingFrames(num_template_frames=3, num_search_frames=2, max_gap=5)
    for seed in range(30):
        results = sampling.transform([sequence([True] * 40, seed), {}])
        frames = results['frame_id']
        assert len(frames) == 5
        assert max(frames[:3]) < min(frames[3:])
        assert max(frames) - min(frames) < 10
        assert results['img_path'] == [f'{i}.jpg' for i in frames]
        assert [i[0]['bbox'][0] for i in results['instances']] == frames
        assert not results['is_still']


def test_absent_frames_are_never_chosen() -> None:
    visible = [i % 3 == 0 for i in range(30)]
    for seed in range(20):
        results = SampleTrackingFrames().transform([sequence(visible, seed), {}])
        assert all(visible[i] for i in results['frame_id'])


@pytest.mark.parametrize('visible', [[True], [False, True, False]])
def test_one_shown_frame_is_repeated(visible: list[bool]) -> None:
    results = SampleTrackingFrames().transform([sequence(visible), {}])
    assert results['frame_id'] == [visible.index(True)] * 4
    assert results['is_still'] == (len(visible) == 1)


def test_shown_frames_further_apart_than_the_gap_still_serve() -> None:
    visible = [i in (0, 50) for i in range(51)]
    results = SampleTrackingFrames(max_gap=10).transform([sequence(visible), {}])
    assert set(results['frame_id']) <= {0, 50}


def test_a_sequence_without_its_object_is_dropped() -> None:
    assert SampleTrackingFrames().transform([sequence([False, False]), {}]) is None


@pytest.mark.parametrize('name', ['num_template_frames', 'num_search_frames', 'max_gap'])
def test_counts_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match='must be a whole number of at least 1'):
        SampleTrackingFrames(**{name: 0})
