# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's crops run with numpy 2.4 too, where they called ``math.sqrt`` on arrays."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from mmtrack.datasets.transforms import CropLikeDiMP, SeqCropLikeStark
from numpy.testing import assert_array_equal
from tlpg_tools.demo_clip import demo_clip

from tlpg_mmtrack.utils.frames import open_source

# Before numpy 2.4 a warning.
pytestmark = pytest.mark.filterwarnings('error::DeprecationWarning')
BOX = np.array([62.0, 36.0, 115.0, 101.0])
SIDE = math.ceil(math.sqrt(53 * 65) * 1.5)
LEFT, TOP = round(88.5 - SIDE / 2), round(68.5 - SIDE / 2)


@pytest.fixture(scope='module')
def frame() -> np.ndarray:
    """The first frame of the demo's clip, 176 x 144; the crops below lie inside."""
    return next(iter(open_source(demo_clip())))[1]


def cut(frame: np.ndarray) -> np.ndarray:
    """The square of one and a half target sizes around the target, at 64 x 64 pixels."""
    return cv2.resize(frame[TOP : TOP + SIDE, LEFT : LEFT + SIDE], (64, 64))


def test_dimp(frame: np.ndarray) -> None:
    crop, area, factor = CropLikeDiMP(1.5, 64).crop_like_dimp(frame, BOX, 1.5, 64)
    assert_array_equal(crop, cut(frame))
    assert_array_equal(area, [LEFT, TOP, SIDE, SIDE])
    assert type(area) is np.ndarray
    assert factor == 64 / SIDE


def test_stark(frame: np.ndarray) -> None:
    transform = SeqCropLikeStark([1.5], [64])
    boxes = [BOX[None].copy()]
    results = transform(dict(img=[frame], gt_bboxes=boxes, jittered_bboxes=[BOX[None]]))
    assert_array_equal(results['img'][0], cut(frame))
    assert not results['padding_mask'][0].any()
    assert type(results['gt_bboxes'][0]) is np.ndarray
