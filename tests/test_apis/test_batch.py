# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of many videos at once, against one after the other."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import cv2
import numpy as np
import torch
from moving_target import MovingTarget

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.apis.batch import track_videos
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.model_zoo import shipped_config


def write_clip(folder: Path, clip: MovingTarget) -> Path:
    folder.mkdir()
    for index in range(4):
        cv2.imwrite(str(folder / f'{index}.png'), clip[index])
    return folder


def test_as_one_after_the_other(tmp_path, monkeypatch):
    # A new interpreter would take ten seconds to import it all.
    fork = multiprocessing.get_context('fork')
    monkeypatch.setattr(multiprocessing, 'get_context', lambda method: fork)
    clips = [MovingTarget(seed, (60 + 40 * seed, 90), (3, 1)) for seed in range(2)]
    videos = [(write_clip(tmp_path / str(n), clip), clip.box(0)) for n, clip in enumerate(clips)]
    videos.insert(1, (tmp_path / 'none.mp4', (1, 2, 3, 4)))
    shipped = 'tlpg_efflite0_small'
    config = tmp_path / 'few_crops.py'
    config.write_text(
        f'_base_ = {str(shipped_config(shipped))!r}\nmodel = dict(test_cfg=dict(warps=0))\n'
    )
    options = dict(config=config, checkpoint=f'tlpg://{shipped}', seed=5)
    first, missing, second = track_videos(videos, workers=2, **options)
    assert isinstance(missing, InputError)
    assert 'none.mp4 is not a file' in str(missing)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        tracker = Tracker.from_pretrained(**options, device='cpu')
        for clip, answer in zip(clips, (first, second), strict=True):
            tracker.init(clip[0], clip.box(0))
            expected = [tracker.track(clip[index]) for index in range(1, 4)]
            assert answer[0].box.tolist() == clip.box(0).tolist()
            assert [each.score for each in answer[1:]] == [each.score for each in expected]
            for got, wanted in zip(answer[1:], expected, strict=True):
                assert np.array_equal(got.box, wanted.box)
    finally:
        torch.set_num_threads(threads)
