# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of reading frames."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from tlpg_mmtrack.apis import frames as frames_module
from tlpg_mmtrack.apis.frames import CameraSource, FolderSource, VideoSource, open_source


def grey_levels(count: int) -> list[np.ndarray]:
    return [np.full((48, 64, 3), 10 * i, dtype=np.uint8) for i in range(count)]


def write_video(path: Path, codec: str, count: int = 12, fps: float = 12.0) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (64, 48))
    for frame in grey_levels(count):
        writer.write(frame)
    writer.release()
    return path


class TestVideo:
    @pytest.mark.parametrize(('name', 'codec'), [('a.mp4', 'mp4v'), ('a.avi', 'MJPG')])
    def test_gives_all_frames_in_order(self, tmp_path, name, codec):
        source = open_source(write_video(tmp_path / name, codec))
        assert isinstance(source, VideoSource)
        assert (source.frame_count, source.fps) == (12, 12.0)
        items = list(source)
        assert [index for index, _ in items] == list(range(12))
        for index, frame in items:
            assert frame.shape == (48, 64, 3)
            assert abs(frame.mean() - 10 * index) < 4

    def test_can_be_read_twice(self, tmp_path):
        source = open_source(write_video(tmp_path / 'a.mp4', 'mp4v'))
        assert len(list(source)) == len(list(source)) == 12

    def test_reads_no_further_than_asked(self, tmp_path):
        stream = iter(open_source(write_video(tmp_path / 'a.mp4', 'mp4v')))
        assert next(stream)[0] == 0
        stream.close()

    @pytest.mark.parametrize('share', [0.1, 0.5, 0.8])
    def test_truncated_mp4(self, tmp_path, share):
        path = write_video(tmp_path / 'a.mp4', 'mp4v')
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ValueError, match=r'a\.mp4 cannot be opened as a video; it is trunc'):
            open_source(path)

    def test_truncated_video_whose_start_says_its_length(self, tmp_path, caplog):
        path = write_video(tmp_path / 'a.mkv', 'MJPG')
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with caplog.at_level(logging.WARNING):
            items = list(open_source(path))
        assert 0 < len(items) < 12
        assert all(frame is not None for _, frame in items)
        assert f'a.mkv ends after {len(items)} of 12 frames' in caplog.text

    @pytest.mark.parametrize('promised', [5, None])
    def test_more_frames_than_promised_are_read(self, tmp_path, promised):
        source = open_source(write_video(tmp_path / 'a.mp4', 'mp4v'))
        source.frame_count = promised
        assert len(list(source)) == 12

    def test_corrupt_frame_in_the_middle_is_none(self, tmp_path, monkeypatch):
        source = open_source(write_video(tmp_path / 'a.mp4', 'mp4v'))
        monkeypatch.setattr(frames_module.cv2, 'VideoCapture', _captures_failing_at({3, 4}))
        items = list(source)
        assert [index for index, _ in items] == list(range(12))
        assert [index for index, frame in items if frame is None] == [3, 4]
        assert abs(items[5][1].mean() - 50) < 4

    @pytest.mark.parametrize('content', [b'', b'not a video'])
    def test_empty_or_no_video(self, tmp_path, content):
        path = tmp_path / 'a.mp4'
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r'source: .*a\.mp4'):
            open_source(path)

    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r'source: .*none\.mp4 is not a file'):
            open_source(tmp_path / 'none.mp4')


class TestFolder:
    def test_natural_order_and_other_files(self, tmp_path):
        for number in (10, 9, 100, 1):
            frame = np.full((8, 8, 3), number, dtype=np.uint8)
            cv2.imwrite(str(tmp_path / f'img{number}.PNG'), frame)
        (tmp_path / 'notes.txt').write_text('no picture')
        source = open_source(tmp_path)
        assert isinstance(source, FolderSource)
        assert source.frame_count == 4
        assert [int(frame[0, 0, 0]) for _, frame in source] == [1, 9, 10, 100]

    def test_grey_and_16_bit_files_become_bgr_bytes(self, tmp_path):
        cv2.imwrite(str(tmp_path / '0.png'), np.full((8, 8), 200, np.uint8))
        cv2.imwrite(str(tmp_path / '1.png'), np.full((8, 8, 3), 200 * 257, np.uint16))
        cv2.imwrite(str(tmp_path / '2.png'), np.full((8, 8, 4), 200, np.uint8))
        for _, frame in open_source(tmp_path):
            np.testing.assert_array_equal(frame, np.full((8, 8, 3), 200, np.uint8))

    def test_unreadable_picture_is_none(self, tmp_path):
        cv2.imwrite(str(tmp_path / '0.png'), np.zeros((8, 8, 3), np.uint8))
        (tmp_path / '1.png').write_bytes(b'not a picture')
        (tmp_path / '2.png').write_bytes(b'')
        frames = [frame for _, frame in open_source(tmp_path)]
        assert frames[0] is not None
        assert frames[1:] == [None, None]

    def test_picture_that_claims_an_enormous_size_is_none(self, tmp_path):
        # At such a size OpenCV raises.
        (tmp_path / '0.png').write_bytes(b'P6 900000 900000 255\n')
        assert [frame for _, frame in open_source(tmp_path)] == [None]

    def test_jpeg_without_its_end_is_none(self, tmp_path, caplog):
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        for name in ('0.jpg', '1.jpg'):
            cv2.imwrite(str(tmp_path / name), noise)
        (tmp_path / '1.jpg').write_bytes((tmp_path / '0.jpg').read_bytes()[:2000])
        assert cv2.imread(str(tmp_path / '1.jpg')) is not None
        assert [frame is None for _, frame in open_source(tmp_path)] == [False, True]
        assert '1.jpg: the image is truncated; the frame counts as corrupt' in caplog.text

    def test_hidden_files_are_passed_over(self, tmp_path):
        cv2.imwrite(str(tmp_path / '0.png'), np.zeros((8, 8, 3), np.uint8))
        (tmp_path / '._0.png').write_bytes(b'of macOS')
        assert [path.name for path in FolderSource(tmp_path).paths] == ['0.png']

    def test_superscript_in_a_name(self, tmp_path):
        for name in ('10.png', '1²2.png', '2.png'):
            (tmp_path / name).write_bytes(b'')
        names = [path.name for path in FolderSource(tmp_path).paths]
        assert names == ['1²2.png', '2.png', '10.png']

    def test_no_picture(self, tmp_path):
        with pytest.raises(ValueError, match='holds no picture'):
            open_source(tmp_path)

    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='is not a folder'):
            FolderSource(tmp_path / 'none')


class TestCamera:
    def test_absent_camera(self):
        with pytest.raises(ValueError, match='source: camera 97 cannot be opened'):
            open_source('97')

    def test_number_beyond_all_cameras(self):
        with pytest.raises(ValueError, match='source: 99999999999 is neither a file nor'):
            open_source('99999999999')

    def test_frames_until_it_stops(self, monkeypatch, tmp_path, caplog):
        path = write_video(tmp_path / 'a.mp4', 'mp4v', count=3)
        capture = cv2.VideoCapture
        monkeypatch.setattr(frames_module.cv2, 'VideoCapture', lambda _: capture(str(path)))
        monkeypatch.setattr(frames_module, '_MAX_FAILED_READS', 2)
        source = open_source(0)
        assert isinstance(source, CameraSource)
        assert source.frame_count is None
        assert [frame is None for _, frame in source] == [False] * 3 + [True] * 2
        assert 'camera 0 stopped answering after 3 frames' in caplog.text

    def test_it_is_let_go_when_the_loop_is_left(self, monkeypatch, tmp_path):
        path = write_video(tmp_path / 'a.mp4', 'mp4v', count=3)
        capture = cv2.VideoCapture(str(path))
        monkeypatch.setattr(frames_module.cv2, 'VideoCapture', lambda _: capture)
        frames = iter(open_source(0))
        next(frames)
        assert capture.isOpened()
        frames.close()
        assert not capture.isOpened()


def _captures_failing_at(failing: set[int]):
    """A stand-in for VideoCapture (which cannot be subclassed) whose reads fail at some frames."""
    real = cv2.VideoCapture

    class Capture:
        def __init__(self, path: str) -> None:
            self._capture = real(path)
            self._position = 0

        def __getattr__(self, name: str):
            return getattr(self._capture, name)

        def read(self):
            ok, frame = self._capture.read()
            failed = self._position in failing
            self._position += 1
            return (False, None) if failed else (ok, frame)

    return Capture
