# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A video's frames come out of its record as they went in, and cost no memory one by one."""

from __future__ import annotations

import gc

import pytest

from tlpg_mmtrack.evaluation.results import VideoRecord


def test_regions_of_both_protocols_come_out_as_they_went_in() -> None:
    record = VideoRecord(3)
    record.add([1.0, 2.0, 3.5, 4.0], [0, 0, 2, 0, 2, 2, 0, 2], True, 0.25)
    record.add([2.0], [1, 1, 3, 1, 3, 3, 1, 3], False, 0.5)
    record.add([0.0], [2, 1, 4, 1, 4, 3, 2, 3], True, 0.125)
    result = record.result('car', (64, 48))
    assert (result.name, result.size) == ('car', (64, 48))
    assert result.regions == [[1.0, 2.0, 3.5, 4.0], [2.0], [0.0]]
    assert result.truth[1] == [1, 1, 3, 1, 3, 3, 1, 3]
    assert result.visible == [True, False, True]
    assert result.times == [0.25, 0.5, 0.125]


def test_frames_without_truth_are_left_out_of_it() -> None:
    record = VideoRecord(2)
    record.add([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], True, 0.1)
    record.add([1.0, 2.0, 3.0, 4.0], None, True, 0.1)
    assert record.result('first only', (8, 8)).truth == [[1.0, 2.0, 3.0, 4.0]]


def test_a_frame_more_than_the_video_has_is_refused() -> None:
    record = VideoRecord(1)
    record.add([1.0], [1.0, 2.0, 3.0, 4.0], True, 0.1)
    with pytest.raises(IndexError):
        record.add([1.0], [1.0, 2.0, 3.0, 4.0], True, 0.1)


def test_no_object_is_kept_of_a_frame() -> None:
    record = VideoRecord(1000)

    def add(frames: int) -> int:
        for _ in range(frames):
            record.add([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], True, 0.1)
        gc.collect()
        return len(gc.get_objects())

    before = add(10)
    # A list a frame, as mmtrack's metric keeps them, would be 990.
    assert add(990) - before < 100
