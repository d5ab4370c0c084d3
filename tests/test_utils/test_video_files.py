# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of reading video files of many kinds, encoded here by PyAV."""

from __future__ import annotations

import logging
import struct
import subprocess
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.frame import PictureType
from tlpg_tools.demo_clip import demo_clip

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import open_source

SIZE = (128, 96)
COUNT = 12
RED = (40, 40, 220)
# AV_CODEC_FLAG_INTERLACED_DCT and AV_CODEC_FLAG_INTERLACED_ME.
INTERLACED = 1 << 18 | 1 << 29


def level(index: int) -> int:
    return 40 + 12 * index


def picture(index: int, size: tuple[int, int] = SIZE, darker: int = 0) -> np.ndarray:
    """Red on the right; on the left a grey that tells the frame, on odd lines so much darker."""
    image = np.full((size[1], size[0], 3), RED, np.uint8)
    image[:, : size[0] // 2] = level(index)
    image[1::2, : size[0] // 2] -= darker
    return image


def encode(
    path: Path,
    codec: str,
    pixels: str = 'yuv420p',
    *,
    size: tuple[int, int] = SIZE,
    count: int = COUNT,
    interlaced: bool = False,
    times: Iterable[int] | None = None,
    sound: str | None = None,
    container: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write a video at 12 frames a second, or shown at ``times`` in ms; ``sound`` lasts 4 s."""
    for name in filter(None, (codec, sound)):
        try:
            av.codec.Codec(name, 'w')
        except ValueError:
            pytest.skip(f'this PyAV has no encoder {name}')
    with av.open(str(path), 'w', options=container or {}) as output:
        stream = output.add_stream(codec, rate=25 if codec == 'dvvideo' else 12, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if interlaced:
            stream.codec_context.flags |= INTERLACED
        audio = output.add_stream(sound, rate=48000) if sound else None
        shown = None if times is None else list(times)
        for index in range(count if shown is None else len(shown)):
            image = picture(index % COUNT, size, darker=30 if interlaced else 0)
            frame = av.VideoFrame.from_ndarray(image, format='bgr24')
            frame = frame.reformat(format=pixels)
            if shown is not None:
                frame.pts, frame.time_base = shown[index], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if audio is not None:
            silence(output, audio, seconds=4)
    return path


def silence(output: Any, audio: Any, seconds: int) -> None:
    length = audio.codec_context.frame_size or 1024
    for start in range(0, seconds * 48000, length):
        frame = av.AudioFrame(format=audio.format.name, layout='stereo', samples=length)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts = 48000, start
        output.mux(audio.encode(frame))
    output.mux(audio.encode())


def join(path: Path, parts: list[Path]) -> Path:
    """Put transport streams one behind the other, as one stream of one file."""
    with av.open(str(path), 'w') as output:
        stream = None
        for number, part in enumerate(parts):
            with av.open(str(part)) as source:
                stream = stream or output.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts += 10 * 90_000 * number
                        packet.dts += 10 * 90_000 * number
                        packet.stream = stream
                        output.mux(packet)
    return path


def grey_of(frame: np.ndarray) -> float:
    """The grey of a frame's even lines."""
    return float(frame[::2, : frame.shape[1] // 4].mean())


def check_frames(path: Path, count: int = COUNT, tolerance: float = 6) -> None:
    items = list(open_source(path))
    assert [index for index, _ in items] == list(range(count))
    for index, frame in items:
        assert frame.dtype == np.uint8
        assert grey_of(frame) == pytest.approx(level(index % COUNT), abs=tolerance)
        right = frame[:, frame.shape[1] * 3 // 4 :].reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(right, RED, atol=max(tolerance, 12))


KINDS = {
    'H.264 mp4': ('a.mp4', 'libx264', 'yuv420p', {}),
    'H.264 mts': ('a.mts', 'libx264', 'yuv420p', {}),
    'H.265 10-bit mp4': ('a.mp4', 'libx265', 'yuv420p10le', {'x265-params': 'log-level=none'}),
    'VP9 webm': ('a.webm', 'libvpx-vp9', 'yuv420p', {'cpu-used': '8', 'deadline': 'realtime'}),
    'AV1 mp4': ('a.mp4', 'libsvtav1', 'yuv420p', {'preset': '12'}),
    'ProRes mov': ('a.mov', 'prores_ks', 'yuv422p10le', {}),
    'MPEG-2 mpg': ('a.mpg', 'mpeg2video', 'yuv420p', {'b': '2M'}),
    'Motion JPEG avi': ('a.avi', 'mjpeg', 'yuvj420p', {}),
    'FLV': ('a.flv', 'flv', 'yuv420p', {'b': '2M'}),
}


@pytest.mark.parametrize('kind', KINDS)
def test_all_frames_of(tmp_path, caplog, kind):
    name, codec, pixels, options = KINDS[kind]
    path = encode(tmp_path / name, codec, pixels, **options)
    check_frames(path)
    assert open_source(path).fps == pytest.approx(12, abs=0.01)
    assert not caplog.records


def test_gif(tmp_path):
    # Of few colours.
    check_frames(encode(tmp_path / 'a.gif', 'gif', 'rgb8'), tolerance=40)


class TestInterlaced:
    @pytest.mark.parametrize(
        ('name', 'codec', 'pixels', 'options'),
        [
            ('a.mts', 'libx264', 'yuv420p', {'crf': '10'}),
            ('a.mov', 'prores_ks', 'yuv422p10le', {}),
        ],
    )
    def test_both_fields_are_there(self, tmp_path, name, codec, pixels, options):
        path = encode(tmp_path / name, codec, pixels, interlaced=True, **options)
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).interlaced_frame
        check_frames(path)
        for _, frame in open_source(path):
            left = frame[:, : SIZE[0] // 4]
            assert left[::2].mean() - left[1::2].mean() == pytest.approx(30, abs=8)

    @pytest.mark.parametrize('name', ['a.dv', 'a.avi'])
    def test_dv(self, tmp_path, name):
        path = encode(tmp_path / name, 'dvvideo', size=(720, 576))
        check_frames(path)
        assert open_source(path).fps == 25

    def test_in_part(self, tmp_path):
        parts = [
            encode(tmp_path / f'{flag}.ts', 'libx264', interlaced=flag) for flag in (False, True)
        ]
        check_frames(join(tmp_path / 'both.ts', parts), 2 * COUNT)


def test_size_that_changes(tmp_path):
    sizes = [SIZE, (160, 128)]
    parts = [encode(tmp_path / f'{size[0]}.ts', 'libx264', size=size) for size in sizes]
    shapes = [frame.shape for _, frame in open_source(join(tmp_path / 'both.ts', parts))]
    assert shapes == [(96, 128, 3)] * COUNT + [(128, 160, 3)] * COUNT


@pytest.mark.parametrize(
    ('matrix', 'turns'),
    [((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)],
)
def test_rotated(tmp_path, matrix, turns):
    path = encode(tmp_path / 'a.mp4', 'libx264')
    straight = next(iter(open_source(path)))[1]
    content = bytearray(path.read_bytes())
    # Of the track header: type, flags, times, and what else lies before the matrix.
    place = content.index(b'tkhd') + 4 + 4 + 20 + 16
    a, b, c, d = (65536 * value for value in matrix)
    content[place : place + 36] = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    turned = next(iter(open_source(path)))[1]
    np.testing.assert_array_equal(turned, np.rot90(straight, turns))


TIMES = [0, 30, 60, 500, 520, 900, 2000, 2010, 3500, 3600, 3700, 5000]


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv'])
def test_variable_frame_rate_is_no_fault(tmp_path, caplog, name):
    check_frames(encode(tmp_path / name, 'libx264', times=TIMES))
    assert not caplog.records


@pytest.mark.parametrize(
    ('name', 'codec', 'sound'),
    [
        ('a.mp4', 'libx264', 'aac'),
        ('a.webm', 'libvpx-vp9', 'libopus'),
        ('a.avi', 'mpeg4', 'pcm_s16le'),
        ('a.ts', 'libx264', 'aac'),
    ],
)
def test_sound_that_outlasts_the_picture_is_no_fault(tmp_path, caplog, name, codec, sound):
    check_frames(encode(tmp_path / name, codec, sound=sound, b='2M'))
    assert not caplog.records


class TestDamage:
    @pytest.mark.parametrize(
        ('name', 'codec', 'container'),
        [
            ('a.mkv', 'mpeg4', None),
            ('a.flv', 'flv', None),
            ('a.mp4', 'mpeg4', {'movflags': 'faststart'}),
        ],
    )
    @pytest.mark.parametrize('sound', [None, 'aac'])
    def test_truncated(self, tmp_path, caplog, name, codec, container, sound):
        path = encode(tmp_path / name, codec, count=48, sound=sound, container=container, b='2M')
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with caplog.at_level(logging.WARNING):
            frames = [frame for _, frame in open_source(path)]
        assert 10 < len(frames) < 48
        for index, frame in enumerate(frames[:-1]):
            assert grey_of(frame) == pytest.approx(level(index % COUNT), abs=6)
        assert f'{name} ends after' in caplog.text
        assert 'of the 4.0 seconds' in caplog.text

    def test_last_frame_of_a_truncated_avi_is_none(self, tmp_path):
        path = encode(tmp_path / 'a.avi', 'mjpeg', 'yuvj420p')
        with av.open(str(path)) as container:
            last = [packet for packet in container.demux() if packet.size][-1]
        path.write_bytes(path.read_bytes()[: last.pos + last.size // 2])
        frames = [frame for _, frame in open_source(path)]
        assert [frame is None for frame in frames] == [False] * (COUNT - 1) + [True]

    @pytest.mark.parametrize(
        ('name', 'codec', 'pixels', 'expected', 'options'),
        [
            ('a.avi', 'mjpeg', 'yuvj420p', PictureType.I, {}),
            ('a.mp4', 'libx264', 'yuv420p', PictureType.I, {'g': '1'}),
            (
                'a.mp4',
                'libx264',
                'yuv420p',
                PictureType.B,
                {'bf': '2', 'b_strategy': '0', 'sc_threshold': '0'},
            ),
        ],
    )
    def test_frame_in_the_middle(self, tmp_path, name, codec, pixels, expected, options):
        path = encode(tmp_path / name, codec, pixels, **options)
        whole = [grey_of(frame) for _, frame in open_source(path)]
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux() if packet.size]
            order = sorted(packet.pts for packet in packets)
        with av.open(str(path)) as container:
            # No other frame is predicted from it, if any is from others.
            free = [f.pts for f in container.decode(video=0) if f.pict_type == expected]
        chosen = next(packet for packet in packets if packet.pts == free[len(free) // 2])
        content = path.read_bytes()
        place = content.index(bytes(chosen))
        path.write_bytes(content[:place] + bytes(chosen.size) + content[place + chosen.size :])
        frames = [frame for _, frame in open_source(path)]
        lost = order.index(chosen.pts)
        assert [i for i, frame in enumerate(frames) if frame is None] == [lost]
        assert len(frames) == COUNT
        kept = [grey_of(frame) for frame in frames if frame is not None]
        assert kept == whole[:lost] + whole[lost + 1 :]

    def test_what_comes_before_the_first_whole_frame_is_passed_over(self, tmp_path):
        path = encode(tmp_path / 'a.mkv', 'mpeg4', g='6')
        with av.open(str(path)) as container:
            first = next(packet for packet in container.demux() if packet.size)
        content = path.read_bytes()
        place = content.index(bytes(first))
        path.write_bytes(content[:place] + bytes(first.size) + content[place + first.size :])
        index, frame = next(iter(open_source(path)))
        assert index == 0
        assert frame is not None


def test_16_bit_grey_is_stretched(tmp_path, caplog):
    path = tmp_path / 'a.mkv'
    with av.open(str(path), 'w') as output:
        stream = output.add_stream('ffv1', rate=12)
        stream.width, stream.height, stream.pix_fmt = *SIZE, 'gray16le'
        for offset in (0, 500):
            thermal = np.linspace(29000 + offset, 31000 + offset, SIZE[0]).astype(np.uint16)
            frame = av.VideoFrame.from_ndarray(np.tile(thermal, (SIZE[1], 1)), format='gray16le')
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    first, second = (frame for _, frame in open_source(path))
    assert first.shape == (96, 128, 3)
    assert (first.min(), first.max()) == (0, 255)
    assert int(second[0, 0, 0]) == pytest.approx(64, abs=1)
    assert 'uint16 values from 29000 to 31000' in caplog.text


class TestRefused:
    @pytest.mark.parametrize('name', ['a.mp4', 'a'])
    def test_single_picture_under_any_name(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes(cv2.imencode('.jpg', picture(0))[1].tobytes())
        with pytest.raises(InputError, match='is a single picture; pass its folder'):
            open_source(path)

    def test_text(self, tmp_path):
        path = tmp_path / 'notes.txt'
        path.write_text('nothing to see\n' * 100)
        with pytest.raises(InputError, match='cannot be opened as a video'):
            open_source(path)

    @pytest.mark.parametrize('cover', [False, True])
    def test_sound(self, tmp_path, cover):
        path = tmp_path / 'a.mp3'
        with av.open(str(path), 'w') as output:
            audio = output.add_stream('mp3', rate=48000)
            if cover:
                stream = output.add_stream('mjpeg')
                stream.width, stream.height, stream.pix_fmt = *SIZE, 'yuvj420p'
                frame = av.VideoFrame.from_ndarray(picture(0), format='bgr24')
                output.mux(stream.encode(frame.reformat(format='yuvj420p')))
            silence(output, audio, seconds=1)
        with pytest.raises(InputError, match='cannot be opened as a video'):
            open_source(path)

    def test_playlist_of_the_network(self, tmp_path):
        path = tmp_path / 'a.m3u8'
        path.write_text('#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n')
        with pytest.raises(InputError, match=r'a\.m3u8 '):
            open_source(path)

    def test_name_that_reads_as_a_protocol(self, tmp_path, monkeypatch):
        encode(tmp_path / 'http:a.mkv', 'mpeg4')
        monkeypatch.chdir(tmp_path)
        assert len(list(open_source('http:a.mkv'))) == COUNT


@pytest.mark.parametrize('imports', ['import av, cv2', 'import cv2, av'])
def test_opencv_and_pyav_read_alike_in_one_process(imports):
    code = (
        f'{imports}\n'
        f'path = {str(demo_clip())!r}\n'
        'capture = cv2.VideoCapture(path)\n'
        'with av.open(path) as container:\n'
        '    for count, frame in enumerate(container.decode(video=0), 1):\n'
        '        assert (capture.read()[1] == frame.to_ndarray(format="bgr24")).all()\n'
        'print(count, capture.read()[0])\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout == '120 False\n', done.stderr
