# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Every benchmark's videos get the names that its users know."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tlpg_mmtrack.evaluation.results import video_names


def names(*videos: tuple[str, str]) -> list[str]:
    """Names of videos of these frame folders and annotation files."""
    infos = [dict(video_path=video, ann_path=boxes) for video, boxes in videos]
    return video_names(SimpleNamespace(num_videos=len(infos), get_data_info=infos.__getitem__))


@pytest.mark.parametrize(
    ('video', 'boxes', 'name'),
    [
        ('data/Board/img', 'data/Board/groundtruth_rect.txt', 'Board'),
        ('data/Jogging/img', 'data/Jogging/groundtruth_rect.2.txt', 'Jogging-2'),
        ('data_seq/UAV123/bird1', 'anno/UAV123/bird1_3.txt', 'bird1_3'),
        ('airplane/airplane-1/img', 'airplane/airplane-1/groundtruth.txt', 'airplane-1'),
        ('test/GOT-10k_Test_1', 'test/GOT-10k_Test_1/groundtruth.txt', 'GOT-10k_Test_1'),
        ('TEST/frames/-VzSkGU-UHg_0', 'TEST/anno/-VzSkGU-UHg_0.txt', '-VzSkGU-UHg_0'),
        ('data/ants1/color', 'data/ants1/groundtruth.txt', 'ants1'),
        ('img', 'groundtruth.txt', 'img'),
    ],
)
def test_name(video: str, boxes: str, name: str) -> None:
    assert names((video, boxes)) == [name]


def test_repeated_names_are_refused() -> None:
    twice = ('data/car/img', 'data/car/groundtruth.txt'), ('more/car', 'more/car/groundtruth.txt')
    with pytest.raises(ValueError, match="several videos are named 'car'"):
        names(*twice)
