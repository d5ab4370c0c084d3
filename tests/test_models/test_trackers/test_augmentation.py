# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""first_frame_crops: boxes are where the target is, and the seed decides everything."""

from __future__ import annotations

import numpy as np
import pytest

from tlpg_mmtrack.models.trackers.augmentation import ASPECT, BLURS, ROTATIONS, SCALE
from tlpg_mmtrack.models.trackers.augmentation import first_frame_crops as make_crops
from tlpg_mmtrack.ops.crop import crop_patch

BOX = np.array([130.0, 90.0, 50.0, 36.0])
SIDE = 5 * float(np.sqrt(50 * 36))
ROTATED = slice(2, 2 + len(ROTATIONS))


def _frame() -> np.ndarray:
    """White where the box is, on black."""
    frame = np.zeros((240, 320, 3), dtype=np.uint8)
    frame[90:126, 130:180] = 255
    return frame


def _crops(seed: int = 0, warps: int = 24) -> tuple[np.ndarray, np.ndarray]:
    return make_crops(_frame(), BOX, SIDE, 288, warps, np.random.default_rng(seed))


def _measured(crop: np.ndarray) -> np.ndarray:
    """The white rectangle's box; a pixel half white counts half."""
    white = crop[..., 0] / 255.0
    columns, rows = white[np.argmax(white.sum(1))], white[:, np.argmax(white.sum(0))]
    box = []
    for line in (columns, rows):
        middle = (line * np.arange(len(line))).sum() / line.sum()
        box.append((middle - line.sum() / 2, middle + line.sum() / 2))
    return np.array(box).T.flatten()


class TestBoxes:
    @pytest.mark.parametrize('seed', range(3))
    def test_match_the_drawn_rectangle(self, seed):
        crops, boxes = _crops(seed)
        for index, (crop, box) in enumerate(zip(crops, boxes, strict=True)):
            if not 2 <= index < 2 + len(ROTATIONS):
                np.testing.assert_allclose(_measured(crop), box, atol=1.5, err_msg=f'{index}')

    def test_a_rotated_target_keeps_its_centre(self):
        crops, boxes = _crops()
        for crop, box in zip(crops[ROTATED], boxes[ROTATED], strict=True):
            rows, columns = np.nonzero(crop[..., 0] > 127)
            center = (box[:2] + box[2:]) / 2
            np.testing.assert_allclose((columns.mean(), rows.mean()), center, atol=0.5)

    def test_the_plain_crop_comes_first(self):
        crops, boxes = _crops()
        center = BOX[:2] + (BOX[2:] - 1) / 2
        expected = crop_patch(_frame(), center, SIDE, 288)
        assert np.abs(crops[0].astype(int) - expected).max() <= 1
        middle = np.array([143.5, 143.5])
        half = BOX[2:] * 288 / SIDE / 2
        np.testing.assert_allclose(boxes[0], [*(middle - half), *(middle + half)], rtol=1e-6)

    @pytest.mark.parametrize('shrink', [0.7, 1.9, 3.0, 6.4])
    def test_a_target_of_any_size_looks_as_in_later_frames(self, shrink):
        """Noise shows how much was averaged."""
        frame = np.random.default_rng(0).integers(0, 256, (900, 1100, 3), dtype=np.uint8)
        side = 288 * shrink
        box = np.array([500.0, 400.0, side / 5, side / 5])
        crops, _ = make_crops(frame, box, side, 288, 0, np.random.default_rng(0))
        later = crop_patch(frame, box[:2] + (box[2:] - 1) / 2, side, 288)
        assert np.abs(crops[0].astype(int) - later).max() <= 1

    def test_the_second_is_its_mirror_image(self):
        frame = _frame()
        frame[90:126, 130:140] = 128
        crops, _ = make_crops(frame, BOX, SIDE, 288, 0, np.random.default_rng(0))
        assert np.abs(crops[1].astype(int) - crops[0][:, ::-1]).max() <= 1

    def test_warps_vary_scale_and_aspect_in_their_ranges(self):
        _, boxes = _crops(warps=200)
        warped = boxes[2 + len(ROTATIONS) + len(BLURS) :]
        stretch = (warped[:, 2:] - warped[:, :2]) / (boxes[0, 2:] - boxes[0, :2])
        scale = np.sqrt(stretch.prod(1)) - 1
        aspect = np.log(stretch[:, 0] / stretch[:, 1])
        for value, limit in ((scale, SCALE), (aspect, ASPECT)):
            assert np.abs(value).max() <= limit + 1e-5
            assert value.min() < -0.8 * limit
            assert value.max() > 0.8 * limit
            # As often larger as smaller: the true size is the mean.
            assert np.abs(value.mean()) < 0.1 * limit


class TestOutput:
    def test_count_and_types(self):
        crops, boxes = _crops(warps=5)
        count = 2 + len(ROTATIONS) + len(BLURS) + 5
        assert (crops.shape, crops.dtype) == ((count, 288, 288, 3), np.uint8)
        assert (boxes.shape, boxes.dtype) == ((count, 4), np.float32)

    def test_the_seed_decides(self):
        (crops, boxes), (same_crops, same_boxes), (_, others) = _crops(1), _crops(1), _crops(2)
        assert np.array_equal(crops, same_crops)
        assert np.array_equal(boxes, same_boxes)
        assert not np.array_equal(boxes, others)
