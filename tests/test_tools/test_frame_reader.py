# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of reading any frame, against reading all in order."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from tlpg_tools.demo_clip import demo_clip
from tlpg_tools.frame_reader import FrameReader

from tlpg_mmtrack.utils.frames import open_source

KINDS = [('.mp4', 'libx264'), ('.avi', 'mpeg4'), ('.ts', 'libx264')]
COUNT = 90


def write_video(path: Path, codec: str) -> Path:
    """Frames of different colours, with B-frames and a key frame every 24, of uneven lengths."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        stream.gop_size, stream.max_b_frames = 24, 2
        for index in range(COUNT):
            picture = np.full((48, 64, 3), (index * 2, 255 - index * 2, 90), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format='bgr24')
            # Matroska and MP4 keep times; AVI does not.
            uneven = index > 50 and path.suffix in ('.mp4', '.mkv')
            frame.pts = index * (2 if uneven else 1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def check_any_order(source) -> None:
    expected = [frame for _, frame in source]
    reader = FrameReader(source)
    assert len(reader) == len(expected)
    order = np.random.default_rng(0).permutation(len(expected))
    for index in [0, 1, 2, *order[:40].tolist(), len(expected) - 1, 1, 2, 1]:
        got = reader[index]
        assert (got is None) == (expected[index] is None), index
        assert got is None or np.array_equal(got, expected[index]), index


@pytest.mark.parametrize(('suffix', 'codec'), KINDS)
def test_a_video(tmp_path, suffix, codec):
    check_any_order(open_source(write_video(tmp_path / f'video{suffix}', codec)))


def test_the_demo_clip():
    check_any_order(open_source(demo_clip()))


def test_a_video_that_is_damaged_in_the_middle(tmp_path):
    path = write_video(tmp_path / 'video.mkv', 'libx264')
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60] = bytes(60)
    path.write_bytes(data)
    source = open_source(path)
    expected = [frame for _, frame in source]
    damaged = next(index for index, frame in enumerate(expected) if frame is None)
    reader = FrameReader(source)
    assert len(reader) == len(expected) < COUNT
    # At the damage itself the decoder does not yield the frames in the order of their times.
    sure = set(range(len(expected))) - set(range(damaged - 1, damaged + 3))
    for index in np.random.default_rng(0).permutation(sorted(sure)):
        assert np.array_equal(reader[index], expected[index]), index


def test_a_folder_with_a_damaged_picture(tmp_path):
    for index in range(4):
        cv2.imwrite(str(tmp_path / f'{index}.png'), np.full((20, 30, 3), index * 40, np.uint8))
    (tmp_path / '2.png').write_bytes(b'damaged')
    check_any_order(open_source(tmp_path))


@pytest.mark.parametrize('index', [-1, COUNT])
def test_no_such_frame(tmp_path, index):
    reader = FrameReader(open_source(write_video(tmp_path / 'video.mp4', 'libx264')))
    with pytest.raises(IndexError, match=f'{index} of {COUNT}'):
        reader[index]
