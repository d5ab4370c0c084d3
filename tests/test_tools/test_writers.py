# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the writers of video and boxes."""

from __future__ import annotations

import csv
from pathlib import Path

import av
import numpy as np
import pytest
from tlpg_tools.writers import (
    CSV_COLUMNS,
    BoxWriter,
    VideoFileWriter,
    fit,
)

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import FileError, InputError
from tlpg_mmtrack.utils.frames import open_source

RESULT = TrackingResult(np.array([1.25, -2, 3, 4]), 0.123456, TrackingState.UNCERTAIN, 0.25)


def rows_of(path: Path) -> list[list[str]]:
    with open(path, newline='') as file:
        return list(csv.reader(file))


class TestBoxWriter:
    def test_contents(self, tmp_path):
        with BoxWriter(tmp_path / 'boxes.csv') as writer:
            writer.write(0, RESULT)
            writer.write(1, RESULT)
        header, *rows = rows_of(tmp_path / 'boxes.csv')
        assert tuple(header) == CSV_COLUMNS
        assert ','.join(header) == 'frame,x,y,w,h,score,confidence,state'
        numbers = ['1.2500', '-2.0000', '3.0000', '4.0000', '0.1235', '0.2500']
        assert rows[1] == ['1', *numbers, 'uncertain']

    def test_rows_are_on_the_disk_at_once(self, tmp_path):
        path = tmp_path / 'boxes.csv'
        with BoxWriter(path) as writer:
            writer.write(0, RESULT)
            (part,) = tmp_path.iterdir()
            assert part.name.startswith('.')
            assert len(rows_of(part)) == 2

    def test_interrupt_keeps_what_was_written(self, tmp_path):
        with pytest.raises(KeyboardInterrupt), BoxWriter(tmp_path / 'boxes.csv') as writer:
            writer.write(0, RESULT)
            raise KeyboardInterrupt
        assert len(rows_of(tmp_path / 'boxes.csv')) == 2

    def test_error_leaves_the_old_file_and_no_other(self, tmp_path):
        path = tmp_path / 'boxes.csv'
        path.write_text('old')
        with pytest.raises(ZeroDivisionError), BoxWriter(path) as writer:
            writer.write(0, RESULT)
            raise ZeroDivisionError
        assert path.read_text() == 'old'
        assert list(tmp_path.iterdir()) == [path]


class TestVideoFileWriter:
    @pytest.mark.parametrize('size', [(64, 48), (33, 31)])
    def test_round_trip(self, tmp_path, size):
        path = tmp_path / 'a.mp4'
        with VideoFileWriter(path, fps=10.0) as writer:
            for level in (0, 60, 120, 180):
                writer.write(np.full((size[1], size[0], 3), level, dtype=np.uint8))
            assert not path.exists()
        source = open_source(path)
        frames = [frame for _, frame in source]
        assert source.fps == 10.0
        assert len(frames) == 4
        assert frames[3].shape == (48, 64, 3) if size == (64, 48) else (32, 34, 3)
        assert abs(int(frames[3][10, 10, 0]) - 180) < 8

    def test_frames_left_out_keep_the_time(self, tmp_path):
        path = tmp_path / 'a.mp4'
        with VideoFileWriter(path, fps=10.0) as writer:
            for index in (5, 6, 9, 13):
                writer.write(np.full((48, 64, 3), 60, dtype=np.uint8), index)
            writer.write(np.full((48, 64, 3), 60, dtype=np.uint8))
        with av.open(str(path)) as container:
            times = [frame.time for frame in container.decode(video=0)]
        assert times == pytest.approx([0.0, 0.1, 0.4, 0.8, 0.9])

    def test_interrupt_leaves_a_valid_video(self, tmp_path):
        path = tmp_path / 'a.mp4'
        with pytest.raises(KeyboardInterrupt), VideoFileWriter(path, fps=10.0) as writer:
            for _ in range(3):
                writer.write(np.zeros((48, 64, 3), np.uint8))
            raise KeyboardInterrupt
        assert len(list(open_source(path))) == 3
        assert list(tmp_path.iterdir()) == [path]

    def test_frames_of_other_sizes_are_fitted(self, tmp_path):
        with VideoFileWriter(tmp_path / 'a.mp4', fps=10.0) as writer:
            writer.write(np.full((48, 64, 3), 200, np.uint8))
            writer.write(np.full((200, 50, 3), 200, np.uint8))
        frames = [frame for _, frame in open_source(tmp_path / 'a.mp4')]
        assert frames[1].shape == (48, 64, 3)
        assert frames[1][24, 32].mean() > 180
        assert frames[1][24, 5].mean() < 20

    @pytest.mark.parametrize('fps', [30000 / 1001, 1e-4, 1000.0])
    def test_rates(self, tmp_path, fps):
        with VideoFileWriter(tmp_path / 'a.mp4', fps) as writer:
            for _ in range(3):
                writer.write(np.zeros((48, 64, 3), np.uint8))
        with av.open(str(tmp_path / 'a.mp4')) as container:
            assert float(container.streams.video[0].average_rate) == pytest.approx(fps, rel=1e-5)

    def test_browsers_play_it(self, tmp_path):
        with VideoFileWriter(tmp_path / 'a.mp4', fps=10.0) as writer:
            writer.write(np.zeros((31, 33, 3), np.uint8))
        with av.open(str(tmp_path / 'a.mp4')) as container:
            codec = container.streams.video[0].codec_context
            assert (codec.name, codec.pix_fmt) == ('h264', 'yuv420p')
        content = (tmp_path / 'a.mp4').read_bytes()
        assert content.index(b'moov') < content.index(b'mdat')

    def test_without_an_encoder_of_h264_it_says_so(self, tmp_path, monkeypatch, caplog):
        codec = av.Codec

        def other(name: str, mode: str) -> av.Codec:
            if '264' in name:
                raise av.codec.codec.UnknownCodecError(name)
            return codec(name, mode)

        monkeypatch.setattr(av, 'Codec', other)
        with VideoFileWriter(tmp_path / 'a.mp4', fps=10.0) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8))
        assert len(list(open_source(tmp_path / 'a.mp4'))) == 1
        assert 'has no H.264 encoder; the video is MPEG-4 part 2' in caplog.text

    @pytest.mark.parametrize('fps', [0, float('inf')])
    def test_no_rate(self, tmp_path, fps):
        with pytest.raises(InputError, match='fps: must be positive and finite'):
            VideoFileWriter(tmp_path / 'a.mp4', fps)

    def test_frames_beyond_what_decoders_take_are_scaled_down(self, tmp_path):
        with VideoFileWriter(tmp_path / 'a.mp4', fps=10.0) as writer:
            writer.write(np.full((8192, 20, 3), 200, np.uint8))
        (frame,) = [frame for _, frame in open_source(tmp_path / 'a.mp4')]
        assert frame.shape == (4096, 10, 3)
        assert abs(frame.mean() - 200) < 5

    def test_full_disk_leaves_no_video(self, tmp_path):
        resource = pytest.importorskip('resource', reason='no file-size limits here')
        path, noise = tmp_path / 'a.mp4', np.random.default_rng(0)
        _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        with (
            pytest.raises(FileError, match=r'a\.mp4: cannot be written .File too large'),
            VideoFileWriter(path, fps=10.0) as writer,
        ):
            try:
                resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
                for _ in range(20):
                    writer.write(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8))
                writer.close(keep=True)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert not list(tmp_path.iterdir())

    def test_no_frame_no_file(self, tmp_path):
        with VideoFileWriter(tmp_path / 'a.mp4', fps=10.0):
            pass
        assert not list(tmp_path.iterdir())

    def test_missing_folder(self, tmp_path):
        with (
            pytest.raises(FileError, match=r'a\.mp4: cannot be written \(No such file'),
            VideoFileWriter(tmp_path / 'none' / 'a.mp4', fps=10.0) as writer,
        ):
            writer.write(np.zeros((48, 64, 3), np.uint8))


class TestFit:
    def test_same_size_is_untouched(self):
        image = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
        np.testing.assert_array_equal(fit(image, (40, 30)), image)

    def test_one_more_column_is_not_resampled(self):
        image = np.random.default_rng(0).integers(0, 255, (30, 39, 3), dtype=np.uint8)
        np.testing.assert_array_equal(fit(image, (40, 30))[:, :39], image)

    def test_keeps_proportions(self):
        fitted = fit(np.full((10, 20, 3), 255, np.uint8), (40, 40))
        rows, columns = np.nonzero(fitted[..., 0])
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 29, 0, 39)
