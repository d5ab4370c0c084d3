# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of tools/trax_tracker.py: its options, and a session with a client in another process."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest
from fake_model import FakeModel, white_square
from tlpg_tools import trax_tracker
from tlpg_tools.command_line import command

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.utils.errors import InputError

trax = pytest.importorskip('trax', reason='TraX is not installed (pip install vot-trax)')
#: The header of a picture at whose size OpenCV raises.
HUGE = b'P6 900000 900000 255\n'


def serve(given: int, written: int, *others: int) -> None:
    """What tools/trax_tracker.py does, with a small model, on these streams."""
    os.dup2(given, 0)
    os.dup2(written, 1)
    for each in others:
        os.close(each)
    sys.exit(command()(trax_tracker.serve)(Tracker(FakeModel(), device='cpu')))


@contextmanager
def server() -> Iterator[tuple[multiprocessing.Process, object]]:
    """A tracker's process, and a client connected to its standard input and output."""
    from trax.client import Client

    (given, asks), (answers, written) = os.pipe(), os.pipe()
    streams = given, written, asks, answers
    process = multiprocessing.get_context('fork').Process(target=serve, args=streams)
    process.start()
    try:
        # 4.0.2 fails without a log.
        yield process, Client(stream=(asks, answers), log=lambda message: None)
        process.join(60)
    finally:
        process.kill()
        process.join()
        for each in streams:
            os.close(each)


@pytest.fixture
def client() -> Iterator[object]:
    """A client of a session that ends well."""
    with server() as (process, client):
        yield client
        client.quit()
    assert process.exitcode == 0


def image(path: Path) -> dict[str, object]:
    """An image file as a client sends it."""
    return {'color': trax.FileImage.create(str(path))}


def test_a_missing_checkpoint_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ['--checkpoint', 'missing.pth', '--device', 'cpu']
    assert trax_tracker.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: checkpoint: missing.pth is not a file; check the path')


def test_shipped_weights_have_their_address_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def from_pretrained(*arguments: object) -> Tracker:
        asked.append(arguments)
        return Tracker(FakeModel(), 'cpu')

    monkeypatch.setattr(Tracker, 'from_pretrained', from_pretrained)
    monkeypatch.setattr(trax_tracker, 'serve', lambda tracker: None)
    assert trax_tracker.main(['--checkpoint', 'tlpg://a', '--device', 'cpu']) == 0
    assert asked == [(None, 'tlpg://a', 'cpu', 0)]


def test_a_session_over_a_real_connection(client: object, square_files: list[Path]) -> None:
    assert client.tracker_name == 'TLPG'
    assert client.region_formats == ['rectangle']
    start = [(trax.Rectangle.create(10, 40, 20, 20), {})]
    # Started twice, as the toolkit does after a failure.
    for _ in range(2):
        objects, _ = client.initialize(image(square_files[0]), start, {})
        assert objects[0][0].bounds() == pytest.approx((10, 40, 20, 20))
        for index, path in enumerate(square_files[1:], 1):
            ((region, properties),), _ = client.frame(image(path), objects=[])
            assert region.bounds() == pytest.approx((10 + 4 * index, 40, 20, 20), abs=0.6)
            assert float(properties['confidence']) == pytest.approx(0.9)
    # A frame that is not there, too large to be true, or cut off: the last box.
    for name, content in (('no.png', None), ('huge.png', HUGE), ('cut.jpg', _cut_jpeg())):
        path = square_files[0].with_name(name)
        if content is not None:
            path.write_bytes(content)
        ((region, properties),), _ = client.frame(image(path), objects=[])
        assert region.bounds()[0] == pytest.approx(30, abs=0.6)
        assert float(properties['confidence']) == 0.0


def test_a_first_image_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    reasons = []

    class OneRequest:
        def __init__(self, *args: object, **kwargs: object) -> None:
            pass

        def quit(self, reason: str) -> None:
            reasons.append(reason)

        def wait(self) -> SimpleNamespace:
            box = [(trax.Rectangle.create(10, 40, 20, 20), {})]
            status = trax.TraxStatus.INITIALIZE
            return SimpleNamespace(type=status, objects=box, image=image(tmp_path / 'no.png'))

    monkeypatch.setattr('trax.server.Server', OneRequest)
    with pytest.raises(InputError, match=r'TraX: the first image, .*no\.png, cannot be read'):
        trax_tracker.serve(None)
    assert 'no.png, cannot be read' in reasons[0]


def test_a_path_with_other_letters_is_explained_to_both_sides(square_files, capfd):
    folder = square_files[0].with_name('für')
    folder.mkdir()
    path = square_files[0].rename(folder / '0.png')
    start = [(trax.Rectangle.create(10, 40, 20, 20), {})]
    message = 'ASCII only: rename folders and images'
    with server() as (process, client), pytest.raises(trax.TraxException, match=message):
        client.initialize(image(path), start, {})
    assert process.exitcode == 2
    (error,) = [line for line in capfd.readouterr().err.splitlines() if 'TraX' in line]
    assert error.startswith('error: TraX: ')


def _cut_jpeg() -> bytes:
    """The upper part of a frame, the square at x = 40 included; OpenCV makes the rest grey."""
    content = cv2.imencode('.jpg', white_square(40))[1].tobytes()
    return content[:-20]
