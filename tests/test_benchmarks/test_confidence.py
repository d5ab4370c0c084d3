# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""benchmarks/confidence.py: its figures, against counting and against a known model."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from confidence import collect, draw_reliability, fit, roc_area
from moving_target import MovingTarget


def test_roc_area_counts_pairs():
    values = np.array([0.1, 0.4, 0.4, 0.8, 0.9])
    right = np.array([False, False, True, False, True])
    pairs = [(a > b) + (a == b) / 2 for a in values[right] for b in values[~right]]
    assert roc_area(values, right) == pytest.approx(np.mean(pairs))


def test_fit_finds_the_weights_that_drew_the_labels():
    random = np.random.default_rng(0)
    inputs = np.column_stack((random.normal(size=(20_000, 2)), np.ones(20_000)))
    true = np.array([1.5, -0.8, 0.0])
    right = random.random(20_000) < 1 / (1 + np.exp(-inputs @ true))
    np.testing.assert_allclose(fit(inputs, right), true, atol=0.1)


def test_reliability_is_drawn(tmp_path):
    confidence = np.linspace(0, 1, 50)
    draw_reliability(confidence, confidence > 0.5, tmp_path / 'plot.png')
    assert cv2.imread(str(tmp_path / 'plot.png')).shape == (480, 480, 3)


def test_evidence_is_of_boxes_that_the_truth_calls_right_or_wrong(shipped):
    clip = MovingTarget(0, (100, 80), (3, 2))
    shots = [(clip[index], clip.box(index)) for index in range(4)]
    shots += [(clip[index], np.full(4, np.nan)) for index in (4, 5)]
    evidence, right = collect(shipped, [('moving', 'clip', shots)])
    assert right.tolist() == [True] * 3 + [False] * 2
    assert all(each.score > 0 for each in evidence)
