# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""benchmarks/stress.py: the clips show what their truth says, and the table counts right."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from stress import TrackedClip, overlap, table_row
from stress_clips import KINDS, LEAD, TAIL, Source
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip


@pytest.fixture(scope='module')
def source() -> Source:
    """A real frame before a moving camera, and the same upside down to cut to."""
    frame = cv2.VideoCapture(str(demo_clip())).read()[1]
    boxes = np.array([np.add(DEMO_BOX, (time, 0, 0, 0)) for time in range(24)])
    frames = [np.roll(frame, time, axis=1) for time in range(24)]
    return Source(frames, boxes, [frame[::-1] for frame in frames])


def likeness(shot, source: Source) -> float:
    """Correlation of what is in a box with the target in the first frame."""
    x, y, width, height = source.boxes[0].astype(int)
    size = (width, height)
    first = source.frames[0][y : y + height, x : x + width]
    frame, box = shot
    matrix = np.array([[box[2] / width, 0, box[0]], [0, box[3] / height, box[1]]])
    now = cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return float(np.corrcoef(first.ravel(), now.ravel())[0, 1])


@pytest.mark.parametrize('kind', KINDS)
def test_the_target_is_where_the_truth_says(source, kind):
    shots = list(KINDS[kind](source))
    assert len({frame.shape for frame, _ in shots}) == 1
    shown = [shot for shot in shots if np.isfinite(shot[1]).all()]
    assert len(shown) >= 6
    if kind not in ('size_2', 'size_8'):
        assert np.median([likeness(shot, source) for shot in shown]) > 0.8


@pytest.mark.parametrize(('kind', 'frames'), [('bar_20', 20), ('absent_10', 10), ('away_50', 50)])
def test_the_target_is_hidden_as_long_as_it_is_said(source, kind, frames):
    shots = list(KINDS[kind](source))
    hidden = np.array([np.isnan(box).any() for _, box in shots])
    start = int(hidden.argmax())
    assert LEAD <= start <= LEAD + 5
    # Besides, a bar covers most of the target while it slides.
    assert frames <= hidden.sum() <= frames + 6
    assert hidden[start : start + frames].all()
    assert not hidden[-TAIL:].any()
    middle = shots[start + frames // 2][0]
    assert likeness((middle, source.boxes[0]), source) < 0.6


def test_a_twin_looks_like_the_target(source):
    frame, box = list(KINDS['twin_beside'](source))[LEAD + 5]
    twin = box + np.array([1.5 * box[2], 0, 0, 0])
    visible = twin[0] + twin[2] <= frame.shape[1]
    assert likeness((frame, twin), source) > 0.8 or not visible
    assert likeness((frame, box), source) > 0.8


def test_overlap():
    assert overlap(np.array([0, 0, 2, 2]), np.array([1, 0, 2, 2])) == pytest.approx(1 / 3)
    assert np.isnan(overlap(np.ones(4), np.zeros(4)))
    assert np.isnan(overlap(np.ones(4), np.full(4, np.nan)))


def test_the_table():
    """Of eight frames, two of which do not show the target, and after which it comes back."""
    nan = np.nan
    states = {'n': 'normal', 'l': 'not_found', 'h': 'hard_negative'}
    clip = TrackedClip(
        overlap=np.array([1.0, 0.55, 0.0, nan, nan, 0.0, 0.6, 0.7]),
        state=np.array([states[letter] for letter in 'nlnlnllh']),
    )
    auc, lost, silent, false, precision, recall, again, wait = table_row([clip])
    above = [20, 11, 0, 0, 12, 14]
    assert auc == pytest.approx(100 * sum(above) / (6 * 21))
    assert lost == pytest.approx(100 * 2 / 6)
    assert silent == pytest.approx(100 / 2)
    assert false == pytest.approx(100 * 2 / 4)
    assert precision == pytest.approx(100 * 2 / 4)
    assert recall == pytest.approx(100 * 2 / 4)
    assert again == 100
    assert wait == 2
