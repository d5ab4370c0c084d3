# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of live pictures, from a server and pipes made for them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from stream_server import picture, stream_server, url_of
from tlpg_tools.newest_frames import NewestFrames

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import FrameSource, open_source
from tlpg_mmtrack.utils.live import StreamSource

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def server():
    with stream_server(40) as server:
        yield server


def numbers(frames: list[np.ndarray]) -> list[int]:
    return [round(frame.mean()) for frame in frames]


def test_a_stream_of_the_network(server):
    source = StreamSource(url_of(server), patience=0)
    assert source.live and source.frame_count is None
    got = list(source)
    assert [index for index, _ in got] == list(range(len(got)))
    # The last part has no boundary after it.
    assert len(got) >= 39
    assert numbers([frame for _, frame in got]) == pytest.approx(range(len(got)), abs=1)


def test_a_stream_that_breaks_off_is_connected_anew(server, caplog):
    server.parts = [20, 0, 20]
    source = StreamSource(url_of(server), patience=3)
    got = list(source)
    assert 38 <= len(got) <= 40
    assert 'broke off; connecting again' in caplog.text
    assert f'ended after {len(got)} frames' in caplog.text


def test_a_stream_that_is_not_there(server):
    server.parts = []
    with pytest.raises(InputError, match=r'cannot be read \(.*404.*\); check the address'):
        open_source(url_of(server))
    with pytest.raises(InputError, match='cannot be read'):
        open_source('rtsp://127.0.0.1:1/camera')


def test_passwords_are_not_shown(server):
    address = url_of(server).replace('http://', 'http://me:secret@')
    assert open_source(address).name == url_of(server)
    server.parts = []
    with pytest.raises(InputError) as error:
        open_source(address)
    assert 'secret' not in str(error.value)


class Counting(FrameSource):
    """A camera that counts, 200 frames a second."""

    live, name, fps, frame_count = True, 'counting', 200.0, None

    def __init__(self, count: int, fails: bool = False) -> None:
        self.count, self.fails, self.left = count, fails, False

    def __iter__(self):
        try:
            for index in range(self.count):
                time.sleep(0.005)
                yield index, picture(index)
            if self.fails:
                raise InputError('source: broken')
        finally:
            self.left = True


def test_frames_are_dropped_where_tracking_is_slower():
    got = []
    for index, frame in NewestFrames(Counting(100)):
        assert round(frame.mean()) == index
        got.append(index)
        time.sleep(0.05)
    assert got[0] < 3 and got[-1] == 99
    # One at a time, and never an old one: half a second of 50 ms steps.
    assert got == sorted(set(got))
    assert len(got) < 50


def test_no_frame_is_dropped_where_tracking_is_faster():
    got = [index for index, _ in NewestFrames(Counting(20))]
    assert got[-1] == 19 and len(got) >= 15


def test_leaving_the_loop_lets_the_source_go():
    source = Counting(10**9)
    for index, _ in NewestFrames(source):
        if index > 3:
            break
    time.sleep(0.1)
    assert source.left


def test_stop_ends_a_loop_that_waits():
    class Silent(Counting):
        def __iter__(self):
            yield 0, picture(0)
            time.sleep(1.5)

    frames = NewestFrames(Silent(1))
    threading.Timer(0.3, frames.stop).start()
    started = time.monotonic()
    assert [index for index, _ in frames] == [0]
    assert time.monotonic() - started < 10


def test_an_error_of_the_source_arrives():
    with pytest.raises(InputError, match='broken'):
        list(NewestFrames(Counting(3, fails=True)))


def write_mjpeg(path: Path, count: int) -> None:
    with open(path, 'wb') as file:
        for number in range(count):
            file.write(cv2.imencode('.jpg', picture(number))[1].tobytes())


def test_a_named_pipe(tmp_path):
    pipe = tmp_path / 'pipe.mjpeg'
    os.mkfifo(pipe)
    threading.Thread(target=write_mjpeg, args=(pipe, 30), daemon=True).start()
    got = list(open_source(pipe))
    assert numbers([frame for _, frame in got]) == pytest.approx(range(30), abs=1)


def test_standard_input(tmp_path):
    write_mjpeg(tmp_path / 'video.mjpeg', 30)
    own = os.dup(0)
    with open(tmp_path / 'video.mjpeg', 'rb') as file:
        os.dup2(file.fileno(), 0)
    try:
        assert len(list(open_source('-'))) == 30
    finally:
        os.dup2(own, 0)
        os.close(own)
