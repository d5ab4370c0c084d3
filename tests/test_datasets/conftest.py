# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Fixtures of the datasets' tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic_corpus import GREEN, grey_noise, write_stills, write_video

from tlpg_mmtrack.datasets import tracking_source


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """A folder with four images and their COCO file."""
    return write_stills(tmp_path / 'stills')


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder with one video."""
    write_video(tmp_path / 'videos' / 'first')
    return tmp_path / 'videos'


@pytest.fixture
def summaries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged at the end of loading."""
    logged: list[str] = []
    monkeypatch.setattr(tracking_source, 'print_log', lambda text, *options: logged.append(text))
    return logged


@pytest.fixture
def make_sample() -> Callable[..., dict]:
    """A function that makes what `LoadTrackingFrames` hands on, for a green box in a frame."""

    def make(seed: int = 0, still: bool = True, masked: bool = True) -> dict:
        image = grey_noise(240, 320, seed)
        box = np.array([130.0, 90.0, 190.0, 130.0])
        image[90:130, 130:190] = GREEN
        corners = np.array([[130, 90], [190, 90], [190, 130], [130, 130]], dtype=np.float32)
        return dict(
            img=[image] * 4,
            img_path=['still.png'] * 4,
            instances=[[dict(bbox=box)]] * 4,
            outlines=[[corners] if masked else []] * 4,
            img_shape=(240, 320),
            is_still=still,
            paste_only=False,
            num_template_frames=2,
            peer=None,
            other=None,
            rng=np.random.default_rng(seed),
        )

    return make


@pytest.fixture
def background(tmp_path: Path) -> dict:
    """A sequence of one grey frame, without a green thing, whose object is a magenta box."""
    image = grey_noise(240, 320, 7)
    image[100:140, 150:190] = (255, 0, 255)
    path = tmp_path / 'background.png'
    cv2.imwrite(str(path), image)
    corners = np.array([[150, 100], [190, 100], [190, 140], [150, 140]], dtype=np.float32)
    return dict(
        img_paths=[str(path)],
        img_shape=(240, 320),
        bboxes=np.array([[150.0, 100.0, 190.0, 140.0]]),
        bboxes_isvalid=np.array([True]),
        visible=np.array([True]),
        outlines=[[corners]],
    )
