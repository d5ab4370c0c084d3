# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the videos' dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_corpus import write_video

from tlpg_mmtrack.datasets import TrackingVideoDataset
from tlpg_mmtrack.utils.errors import CorpusWarning, InputError


def build(folder: Path, **options: Any) -> TrackingVideoDataset:
    """The dataset of a folder."""
    return TrackingVideoDataset(data_root=str(folder), pipeline=[], **options)


def test_a_folder_is_a_sequence(videos: Path) -> None:
    write_video(videos / 'second', frames=5, absent=(2,))
    (videos / 'index.json').write_text('[]')
    dataset = build(videos)
    assert len(dataset) == 2
    sequence = dataset.get_sequence(1)
    assert sequence['video_length'] == 5
    assert sequence['visible'].tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(sequence['bboxes'][1], [63.0, 90.0, 103.0, 140.0])
    assert sequence['img_paths'][1].endswith('000002.jpg')
    assert sequence['outlines'] == [[]] * 5


def test_include_and_exclude_choose_folders(videos: Path) -> None:
    write_video(videos / 'second')
    assert len(build(videos, include=['sec*'])) == 1
    with pytest.raises(InputError, match='no video to train on'):
        build(videos, exclude=['*'])


@pytest.mark.parametrize('line', ['nan,nan,nan,nan', '10,10,0,5', '10,10,3,3', '0,0,320,240'])
def test_frames_that_cannot_be_used_count_as_absent(videos: Path, line: str) -> None:
    path = videos / 'first' / 'groundtruth.txt'
    lines = path.read_text().split()
    path.write_text('\n'.join([lines[0], line, *lines[2:]]))
    sequence = build(videos).get_sequence(0)
    assert sequence['visible'].tolist() == [True, False] + [True] * 10


def test_frames_whose_box_is_outside_are_left_out_with_the_video_named(videos: Path) -> None:
    path = videos / 'first' / 'groundtruth.txt'
    lines = path.read_text().split()
    path.write_text('\n'.join([lines[0], '500,10,40,40', '10,-90,40,40', *lines[3:]]))
    with pytest.warns(CorpusWarning, match='first: 2 of 12 frames left out: .* outside') as found:
        sequence = build(videos).get_sequence(0)
    assert len(found) == 1
    assert sequence['visible'].tolist() == [True, False, False] + [True] * 9


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('1,2,30,40\n', r'1 boxes for 12 frames: line 2 is missing, of 000002\.jpg'),
        ('1,2,30\n', r"groundtruth\.txt, line 1: expected x,y,w,h, .* got '1,2,30'"),
        ('0,0,0,0\n' * 12, 'no frame shows an object'),
        ('500,10,40,40\n' * 12, '12 boxes have their centre outside the 320 x 240 frame'),
    ],
)
def test_a_bad_video_is_left_out_with_its_folder_named(videos, content, message):
    (write_video(videos / 'second') / 'groundtruth.txt').write_text(content)
    with pytest.warns(UserWarning, match=f'second: video left out: .*{message}'):
        assert len(build(videos)) == 1


def test_a_folder_without_frames_or_boxes_is_left_out(videos: Path, summaries: list[str]) -> None:
    (videos / 'stray').mkdir()
    (write_video(videos / 'second') / 'groundtruth.txt').unlink()
    with pytest.warns(UserWarning) as warnings:
        assert len(build(videos)) == 1
    text = ' '.join(str(warning.message) for warning in warnings)
    assert 'stray: video left out' in text
    assert 'second: video left out' in text
    (summary,) = summaries
    # The other folder holds nothing of a video.
    assert summary.endswith('1 videos, 1 left out (warnings above): second')


def test_a_video_whose_first_frame_claims_an_enormous_size_is_left_out(videos: Path) -> None:
    frames = write_video(videos / 'second') / 'img'
    # At such a size OpenCV raises.
    min(frames.iterdir()).write_bytes(b'P6 900000 900000 255\n')
    with pytest.warns(UserWarning, match='second: video left out: its first frame'):
        assert len(build(videos)) == 1


def test_frames_of_other_kinds_are_not_read_and_the_message_says_which_are(videos: Path) -> None:
    for path in (write_video(videos / 'second') / 'img').iterdir():
        path.rename(path.with_suffix('.gif'))
    with pytest.warns(CorpusWarning, match=r'second: .*img holds no picture \(\.jpg, '):
        build(videos)


def test_a_missing_or_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='nowhere is not a folder of videos'):
        build(tmp_path / 'nowhere')
    with pytest.raises(InputError, match=r'no video to train on .*<name>/img/\*\.jpg'):
        build(tmp_path)
