# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""CropLikeTracker: the label lies where the target is drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.models.trackers.augmentation import first_frame_crops

REPOSITORY = Path(__file__).resolve().parents[3]
BOX = np.array([150.0, 90.0, 45.0, 31.0])


def _frame() -> np.ndarray:
    """A soft blob that fills the box (x, y, width, height): pixels 150 to 194, 90 to 120."""
    x, y = np.arange(360), np.arange(240)[:, None]
    center, sigma = BOX[:2] + (BOX[2:] - 1) / 2, BOX[2:] / 6
    blob = np.exp(-(((x - center[0]) / sigma[0]) ** 2 + ((y - center[1]) / sigma[1]) ** 2) / 2)
    return cv2.merge([(255 * blob).astype(np.float32)] * 3)


def _centroid(crop: np.ndarray) -> np.ndarray:
    weight = crop[..., 0].astype(np.float64)
    places = np.arange(len(crop))
    return np.array([weight.sum(0) @ places, weight.sum(1) @ places]) / weight.sum()


def _crop_of_config() -> object:
    config = Config.fromfile(REPOSITORY / 'configs/_base_/datasets/tlpg_full.py')
    (crop,) = (
        step
        for broadcast in config.train_pipeline
        for step in broadcast.get('transforms', ())
        if step.type.startswith('Crop')
    )
    return TRANSFORMS.build(crop)


@pytest.mark.parametrize('jitter', [(0, 0), (20.3, -17.8), (-17, 12.5)])
@pytest.mark.parametrize('scale', [0.6, 1.0, 1.5])
def test_the_label_of_the_paper_training_is_on_the_target(jitter, scale):
    """Of mmtrack's own crop it is half a crop pixel to the right and below."""
    init_default_scope('mmtrack')
    box = np.concatenate((BOX[:2], BOX[:2] + BOX[2:]))
    half = BOX[2:] * scale / 2
    middle = BOX[:2] + BOX[2:] / 2 + jitter
    results = dict(
        img=_frame(),
        gt_bboxes=[box],
        jittered_bboxes=[np.concatenate((middle - half, middle + half))],
    )
    results = _crop_of_config().transform(results)
    (label,) = results['gt_bboxes']
    np.testing.assert_allclose((label[:2] + label[2:]) / 2, _centroid(results['img']), atol=0.05)


def test_the_tracker_counts_alike():
    """Its first frame, by the same measure."""
    crops, boxes = first_frame_crops(
        _frame().round().astype(np.uint8), BOX, 187.0, 288, 0, np.random.default_rng(0)
    )
    label = (boxes[0, :2] + boxes[0, 2:]) / 2
    np.testing.assert_allclose(label, _centroid(crops[0]), atol=0.1)
