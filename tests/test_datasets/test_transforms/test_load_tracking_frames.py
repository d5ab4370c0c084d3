# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of reading a sample's frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tlpg_mmtrack.datasets import LoadTrackingFrames


@pytest.fixture
def results(tmp_path: Path) -> dict:
    """Two frames of one file and one of another."""
    for index in range(2):
        image = np.full((30, 40, 3), 10 * index, dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f'{index}.png'), image)
    return dict(
        img_path=[str(tmp_path / f'{index}.png') for index in (0, 0, 1)],
        instances=[[dict(bbox=np.array([5.0, 5.0, 20.0, 20.0]))]] * 3,
        img_shape=None,
    )


def test_each_file_is_read_once(results: dict) -> None:
    images = LoadTrackingFrames().transform(results)['img']
    assert [image.max() for image in images] == [0, 0, 10]
    assert images[0] is images[1]


def test_a_broken_file_drops_the_sample(results: dict) -> None:
    Path(results['img_path'][2]).write_bytes(b'')
    with pytest.warns(UserWarning, match=r'1\.png: cannot be read'):
        assert LoadTrackingFrames().transform(results) is None


def test_an_object_outside_its_frame_drops_the_sample(results: dict) -> None:
    results['instances'] = [[dict(bbox=np.array([35.0, 5.0, 55.0, 20.0]))]] * 3
    with pytest.warns(UserWarning, match=r'0\.png: box .* has its centre outside'):
        assert LoadTrackingFrames().transform(results) is None


def test_a_frame_of_another_size_drops_the_sample(results: dict) -> None:
    results['img_shape'] = (40, 30)
    with pytest.warns(UserWarning, match=r'0\.png: is 40 x 30 but annotated as 30 x 40'):
        assert LoadTrackingFrames().transform(results) is None
