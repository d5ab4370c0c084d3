# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the checks of frames and boxes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.inputs import check_box, check_frame, move_into_frame, other_format

FRAME = np.full((60, 80, 3), 7, dtype=np.uint8)


class TestCheckFrame:
    def test_accepts_what_opencv_reads(self):
        assert check_frame(FRAME) is FRAME

    def test_accepts_the_longest_side_that_opencv_warps(self):
        assert check_frame(np.zeros((8, 32766, 3), np.uint8)).shape == (8, 32766, 3)

    def test_makes_views_contiguous(self):
        mirrored = check_frame(FRAME[:, ::-1])
        assert mirrored.flags.c_contiguous

    @pytest.mark.parametrize(
        ('frame', 'error', 'message'),
        [
            (None, TypeError, 'frame: got NoneType.*imread.*pass'),
            (cv2.UMat(FRAME), TypeError, r'frame: is a cv2\.UMat.*pass frame\.get\(\)'),
            ('a.png', TypeError, 'frame: .*got str; pass'),
            (FRAME[..., 0], InputError, 'COLOR_GRAY2BGR'),
            (FRAME[..., :1], InputError, 'COLOR_GRAY2BGR'),
            (np.dstack([FRAME, FRAME[..., :1]]), InputError, 'COLOR_BGRA2BGR'),
            (FRAME.astype(np.uint16), TypeError, r'uint16; pass \(frame / 257\)'),
            (FRAME.astype(np.float32), TypeError, r'float32; pass \(frame \* 255\)'),
            (FRAME.astype(np.int64), TypeError, 'int64; pass frame.clip'),
            (FRAME[:, :1], InputError, '1 x 60 pixels'),
            (FRAME[:0], InputError, '80 x 0 pixels'),
            (np.broadcast_to(FRAME[:1, :8], (32767, 8, 3)), InputError, '32767 pixels; .* 32766'),
            (FRAME[None], InputError, 'one BGR picture at a time'),
            (np.empty(0, np.uint8), InputError, 'must be H x W x 3'),
        ],
    )
    def test_names_the_argument_and_the_fix(self, frame, error, message):
        with pytest.raises(error, match=message):
            check_frame(frame)

    def test_the_advice_for_other_kinds_of_frame_works(self):
        grey, deep = FRAME[..., 0], FRAME.astype(np.uint16) * 257
        bgra = cv2.cvtColor(FRAME, cv2.COLOR_BGR2BGRA)
        advice = (
            cv2.UMat(FRAME).get(),
            cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR),
            cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR),
            (deep / 257).astype('uint8'),
        )
        for converted in advice:
            np.testing.assert_array_equal(check_frame(converted), FRAME)


class TestCheckBox:
    def test_does_not_alias_the_callers_array(self):
        box = np.array([1.0, 2.0, 3.0, 4.0])
        assert not np.shares_memory(box, check_box(box, (80, 60)))
        assert check_box(box.astype(int), (80, 60)).dtype == np.float64

    @pytest.mark.parametrize(
        ('box', 'message'),
        [
            ((1, 2, 3), 'must be 4 numbers'),
            ('abcd', 'must be 4 numbers'),
            ((1, 2, float('nan'), 4), 'must be finite'),
            ((0, 0, 1e200, 1e200), 'within 1000000 pixels'),
            ((10**400, 0, 1, 1), 'must be 4 numbers'),
            (torch.ones(4, requires_grad=True), r'must be 4 numbers, got tensor'),
            ((1, 2, 0, 4), 'width must be positive, got 0.0; pass'),
            ((1, 2, 3, -4), 'height must be positive, got -4.0; pass'),
            ((80, 2, 10, 10), 'outside the 80 x 60 frame'),
            ((-10, 2, 10, 10), 'outside'),
            ((2, 59.5, 10, 10), 'outside'),
        ],
    )
    def test_names_what_is_wrong(self, box, message):
        with pytest.raises(InputError, match=f'^box: .*{message}'):
            check_box(box, (80, 60))

    @pytest.mark.parametrize(
        'box', [(-9, -9, 10, 10), (79, 59, 50, 50), (5, 5, 0.25, 0.5), (60, 50, 0.1, 0.1)]
    )
    def test_one_pixel_inside_is_enough(self, box):
        assert check_box(box, (80, 60)).tolist() == list(box)


class TestOtherFormat:
    @pytest.mark.parametrize(
        ('box', 'expected'),
        [
            ((30, 20, 70, 50), 'two corners'),
            ((0.4, 0.3, 0.2, 0.25), 'fractions'),
            ((0, 0, 1, 1), 'fractions'),
            ((30, 20, 40, 30), None),
            # One column of 29 is beyond the frame, as of hand-drawn boxes.
            ((52, 10, 29, 40), None),
            # As corners it would have no area.
            ((60, 20, 40, 30), None),
            ((-8, -8, 30, 30), None),
        ],
    )
    def test_is_named(self, box, expected):
        meant = other_format(np.array(box, dtype=np.float64), (80, 60))
        assert meant is None if expected is None else expected in meant


class TestMoveIntoFrame:
    @pytest.mark.parametrize(
        ('box', 'moved'),
        [
            ((5, 6, 10, 20), (5, 6, 10, 20)),
            ((-5, 50, 10, 20), (-5, 50, 10, 20)),
            ((200, 6, 10, 20), (79, 6, 10, 20)),
            ((5, -100, 10, 20), (5, -19, 10, 20)),
            ((90, 90, 0.5, 0.5), (79.5, 59.5, 0.5, 0.5)),
        ],
    )
    def test_moves_as_little_as_possible(self, box, moved):
        result = move_into_frame(np.array(box, dtype=np.float64), (80, 60))
        assert result.tolist() == list(moved)
        check_box(result, (80, 60))
