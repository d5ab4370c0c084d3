# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of reading frames."""

from __future__ import annotations

import gc
import multiprocessing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from tlpg_tools.demo_clip import demo_clip

from tlpg_mmtrack.utils import frames as frames_module
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import (
    CameraSource,
    FolderSource,
    PagesSource,
    VideoSource,
    open_source,
)


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

    def test_truncated_mp4(self, tmp_path):
        path = write_video(tmp_path / 'a.mp4', 'mp4v')
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match=r'a\.mp4 cannot be opened as a video; it is trunc'):
            open_source(path)

    @pytest.mark.parametrize('content', [b'', b'not a video'])
    def test_empty_or_no_video(self, tmp_path, content):
        path = tmp_path / 'a.mp4'
        path.write_bytes(content)
        with pytest.raises(InputError, match=r'source: .*a\.mp4'):
            open_source(path)

    def test_missing(self, tmp_path):
        with pytest.raises(InputError, match=r'source: .*none\.mp4 is not a file'):
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

    def test_folders_and_links_to_nothing_are_no_pictures(self, tmp_path, caplog):
        cv2.imwrite(str(tmp_path / '1.jpg'), np.zeros((8, 8, 3), np.uint8))
        (tmp_path / '2.jpg').mkdir()
        (tmp_path / '3.jpg').symlink_to(tmp_path / 'none.jpg')
        (tmp_path / '4.jpg').symlink_to(tmp_path / '1.jpg')
        assert [path.name for path in FolderSource(tmp_path).paths] == ['1.jpg', '4.jpg']
        assert '1 links lead nowhere and are passed over, such as 3.jpg' in caplog.text

    @pytest.mark.parametrize('stuck', [False, True])
    def test_narrow_values_are_stretched_alike_in_all_pictures(self, tmp_path, caplog, stuck):
        # What a 12-bit sensor leaves in 16-bit files, and one of its pixels may be stuck.
        values = np.linspace(100, 1120, 64 * 64).reshape(64, 64).astype(np.uint16)
        for name, offset in (('0.png', 0), ('1.png', 510)):
            image = values + np.uint16(offset)
            if stuck:
                image[5, 5] = 65535
            cv2.imwrite(str(tmp_path / name), image)
        first, second = (frame for _, frame in open_source(tmp_path))
        assert (first[0, 0, 0], first[-1, -1, 0]) == (0, 255)
        assert abs(int(second[0, 0, 0]) - 127) <= 2
        assert caplog.text.count('is stretched to 0..255') == 1
        assert 'uint16 values from 100 to 1119' in caplog.text

    def test_floats_are_stretched(self, tmp_path):
        ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
        ramp[7, 7] = np.nan
        cv2.imwrite(str(tmp_path / '0.tif'), ramp)
        ((_, frame),) = open_source(tmp_path)
        assert (frame[0, 0, 0], frame[-1, -1, 0]) == (0, 255)
        assert abs(frame.mean() - 127) < 2

    def test_no_picture(self, tmp_path):
        with pytest.raises(InputError, match='holds no picture'):
            open_source(tmp_path)

    def test_missing(self, tmp_path):
        with pytest.raises(InputError, match='is not a folder'):
            FolderSource(tmp_path / 'none')


class TestPages:
    @pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
    def test_all_pages_are_read(self, tmp_path, dtype):
        one = 257 if dtype == np.uint16 else 1
        pages = [np.tile(np.arange(256) * one, (16, 1)).astype(dtype) for _ in range(3)]
        for index, page in enumerate(pages):
            page[:, :8] = 50 * index * one
        cv2.imwritemulti(str(tmp_path / 'a.tif'), pages)
        source = open_source(tmp_path / 'a.tif')
        assert isinstance(source, PagesSource)
        assert source.frame_count == 3
        items = list(source)
        assert [index for index, _ in items] == [0, 1, 2]
        assert [frame.shape for _, frame in items] == [(16, 256, 3)] * 3
        assert [int(frame[0, 0, 0]) for _, frame in items] == [0, 50, 100]

    @pytest.mark.parametrize('name', ['a.tif', 'a.JPG'])
    def test_single_picture(self, tmp_path, name):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
        with pytest.raises(InputError, match=f'{name} is a single picture; pass its folder'):
            open_source(tmp_path / name)

    def test_damaged(self, tmp_path):
        (tmp_path / 'a.tif').write_bytes(b'not a picture')
        with pytest.raises(InputError, match='cannot be read as an image'):
            open_source(tmp_path / 'a.tif')


class TestCamera:
    def test_absent_camera(self):
        with pytest.raises(InputError, match='source: camera 97 cannot be opened'):
            open_source('97')

    def test_device_of_a_camera(self, tmp_path):
        (tmp_path / 'by-id').symlink_to('/dev/video97')
        for name in ('/dev/video97', tmp_path / 'by-id'):
            with pytest.raises(InputError, match='source: camera 97 cannot be opened'):
                open_source(name)

    def test_number_beyond_all_cameras(self):
        with pytest.raises(InputError, match='source: 99999999999 is not a file'):
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


def test_a_forked_process_that_collects_garbage_ends():
    """FFmpeg's threads, which a converted frame waits for at its end, are the parent's alone."""
    with av.open(str(demo_clip())) as container:
        frame = next(container.decode(video=0))
    converter = VideoReformatter()
    converter.reformat(frame, width=1280, height=960, format='bgr24', threads=4)
    cycle = [converter]
    cycle.append(cycle)
    gc.disable()
    try:
        del converter, cycle
        child = multiprocessing.get_context('fork').Process(target=gc.collect)
        child.start()
    finally:
        gc.enable()
    child.join(20)
    child.kill()
    assert child.exitcode == 0
