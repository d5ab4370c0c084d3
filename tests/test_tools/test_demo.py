# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of tools/demo.py, on a small stand-in for the model."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import cv2
import pytest
from fake_model import FakeModel, white_square
from stream_server import stream_server, url_of
from tlpg_tools import demo

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.formats import BoxRecord, VideoBoxes, write_boxes_of_video
from tlpg_mmtrack.utils import live
from tlpg_mmtrack.utils.frames import open_source

DEMO = Path(demo.__file__)
FILES = ['boxes.csv', 'contact_sheet.png', 'manifest.json', 'scores.png', 'tracked.mp4']
BOX = ['--box', '20', '40', '20', '20']


class FailingModel(FakeModel):
    """Calls a function at its third step."""

    def __init__(self, call) -> None:
        super().__init__()
        self._call, self._steps = call, 0

    def step(self, frame, target, search=True):
        self._steps += 1
        if self._steps == 3:
            self._call()
        return super().step(frame, target, search)


def write_video(path: Path, count: int = 8) -> str:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 20.0, (160, 120))
    for index in range(count):
        writer.write(white_square(20 + 4 * index))
    writer.release()
    return str(path)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows_of(out: Path) -> list[dict[str, str]]:
    with open(out / 'boxes.csv', newline='') as file:
        return list(csv.DictReader(file))


@pytest.fixture
def video(tmp_path: Path) -> str:
    return write_video(tmp_path / 'video.mp4')


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / 'new' / 'out'


@pytest.fixture(autouse=True)
def headless(monkeypatch):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(sys, 'platform', 'linux')


@pytest.fixture(autouse=True)
def models(monkeypatch) -> list[FakeModel]:
    """What from_pretrained takes its model from; tests replace its one element."""
    models = [FakeModel()]
    monkeypatch.setattr(
        Tracker,
        'from_pretrained',
        lambda config, checkpoint, device, seed: Tracker(models[0], device or 'cpu', seed),
    )
    return models


class TestLive:
    @pytest.fixture(autouse=True)
    def soon_over(self, monkeypatch):
        monkeypatch.setattr(live, 'StreamSource', partial(live.StreamSource, patience=0.0))

    def test_a_stream_that_ends(self, out):
        with stream_server(60) as server:
            address = url_of(server)
            assert demo.main([address, *BOX, '--out', str(out)]) == 0
        assert files_in(out) == FILES
        manifest = json.loads((out / 'manifest.json').read_text())
        assert manifest['source'] == address and not manifest['interrupted']
        frames = [int(row['frame']) for row in rows_of(out)]
        assert frames == sorted(set(frames))
        assert len(frames) == manifest['frames'] == len(list(open_source(out / 'tracked.mp4')))

    def test_a_stream_without_a_picture(self, out, capsys):
        with stream_server(1) as server:
            assert demo.main([url_of(server), *BOX, '--out', str(out)]) == 2
        assert 'cannot be read (Input' in capsys.readouterr().err
        assert files_in(out) == []

    def test_what_comes_while_the_tracker_is_loaded_is_not_kept(self, out, models, monkeypatch):
        def slow(config, checkpoint, device, seed):
            time.sleep(1)
            return Tracker(models[0], 'cpu', seed)

        monkeypatch.setattr(Tracker, 'from_pretrained', slow)
        with stream_server(10**6) as server:
            assert demo.main([url_of(server), *BOX, '--out', str(out), '--max-frames', '3']) == 0
        first, second, _ = (int(row['frame']) for row in rows_of(out))
        assert first > 20
        assert second - first < 20

    def test_ctrl_c_finishes_the_files(self, out, models):
        models[0] = FailingModel(lambda: signal.raise_signal(signal.SIGINT))
        with stream_server(10**6) as server:
            assert demo.main([url_of(server), *BOX, '--out', str(out)]) == 130
        assert files_in(out) == FILES
        assert len(rows_of(out)) == len(list(open_source(out / 'tracked.mp4'))) == 4

    def test_ctrl_c_where_no_picture_comes(self, out):
        timer = threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT))
        with stream_server(20, hangs=True) as server:
            timer.start()
            assert demo.main([url_of(server), *BOX, '--out', str(out)]) == 130
        assert files_in(out) == FILES


class TestRun:
    def test_writes_everything(self, video, out, capsys):
        assert demo.main([video, *BOX, '--out', str(out), '--seed', '3']) == 0
        assert files_in(out) == FILES
        rows = rows_of(out)
        assert list(rows[0]) == ['frame', 'x', 'y', 'w', 'h', 'score', 'confidence', 'state']
        assert [int(row['frame']) for row in rows] == list(range(8))
        assert {row['state'] for row in rows} == {'normal'}
        for index, row in enumerate(rows):
            assert float(row['x']) == pytest.approx(20 + 4 * index, abs=1)
            assert float(row['w']) == 20
        tracked = open_source(out / 'tracked.mp4')
        assert tracked.fps == 20.0
        assert len(list(tracked)) == 8
        assert cv2.imread(str(out / 'contact_sheet.png')).shape == (480, 1280, 3)
        assert cv2.imread(str(out / 'scores.png')) is not None
        assert '8 frames tracked at' in capsys.readouterr().out
        manifest = json.loads((out / 'manifest.json').read_text())
        assert (manifest['seed'], manifest['frames'], manifest['interrupted']) == (3, 8, False)
        assert (manifest['source'], manifest['box']) == (video, [20, 40, 20, 20])

    def test_several_objects(self, video, out, tmp_path):
        (tmp_path / 'boxes.json').write_text('{"Hund": [20, 40, 20, 20], "cat": [22, 42, 9, 9]}')
        assert demo.main([video, '--boxes', str(tmp_path / 'boxes.json'), '--out', str(out)]) == 0
        assert files_in(out) == FILES
        rows = rows_of(out)
        assert [(int(row['frame']), row['target']) for row in rows] == [
            (index, name) for index in range(8) for name in ('Hund', 'cat')
        ]
        assert {(row['target'], float(row['w'])) for row in rows} == {('Hund', 20), ('cat', 9)}
        manifest = json.loads((out / 'manifest.json').read_text())
        assert manifest['boxes'] == {'Hund': [20, 40, 20, 20], 'cat': [22, 42, 9, 9]}
        assert demo.main([video, *BOX, *BOX, '--out', str(out)]) == 0
        assert [row['target'] for row in rows_of(out)[:2]] == ['object 1', 'object 2']

    def test_boxes_of_another_tool(self, video, out, tmp_path):
        """The second object is added at the frame of its first box."""
        records = [BoxRecord(2, 'a', (28.0, 40.0, 20.0, 20.0)), BoxRecord(3, 'a', (1, 1, 9, 9))]
        records.append(BoxRecord(5, 'b', (42.0, 42.0, 9.0, 9.0)))
        for format, name in (('cvat', 'a.xml'), ('labelstudio', 'a.json'), ('csv', 'a.csv')):
            boxes = VideoBoxes('video.mp4', tuple(records), (160, 120), 20.0, 8)
            write_boxes_of_video(boxes, tmp_path / name, format)
            assert demo.main([video, '--boxes', str(tmp_path / name), '--out', str(out)]) == 0
            rows = rows_of(out)
            found = [(int(row['frame']), row['target']) for row in rows]
            assert found == [(i, n) for i in range(2, 8) for n in 'ab' if n == 'a' or i >= 5]
            assert [float(row['x']) for row in rows[:2]] == pytest.approx([28, 32], abs=1)
            assert float(rows[4]['w']) == 9
            manifest = json.loads((out / 'manifest.json').read_text())
            assert manifest['boxes'] == {'a': [28, 40, 20, 20], 'b': [42, 42, 9, 9]}

    def test_an_object_of_a_corrupt_frame_starts_in_the_next(self, tmp_path, out, caplog):
        folder = tmp_path / 'pictures'
        folder.mkdir()
        for index in range(4):
            cv2.imwrite(str(folder / f'{index}.png'), white_square(20))
        (folder / '2.png').write_bytes(b'damaged')
        boxes = tmp_path / 'a.csv'
        boxes.write_text('frame,x,y,w,h,target\n0,20,40,20,20,a\n2,20,40,20,20,b\n')
        assert demo.main([str(folder), '--boxes', str(boxes), '--out', str(out)]) == 0
        found = [(int(row['frame']), row['target']) for row in rows_of(out)]
        assert found == [(0, 'a'), (1, 'a'), (2, 'a'), (3, 'a'), (3, 'b')]
        assert 'frame 2 is corrupt; b starts in the next' in caplog.text

    def test_default_clip_has_its_box(self, out, models):
        assert demo.main(['--out', str(out), '--max-frames', '3']) == 0
        (shape, box, _), rows = models[0].starts[0], rows_of(out)
        assert shape == (144, 176, 3)
        assert [float(rows[0][key]) for key in 'xywh'] == box.tolist() == [62, 36, 53, 65]
        assert len(rows) == 3

    def test_folder_with_corrupt_pictures_and_changing_size(self, tmp_path, out, caplog):
        folder = tmp_path / 'pictures'
        folder.mkdir()
        for index, size in enumerate([(160, 120), (160, 120), (320, 240), (90, 100)]):
            cv2.imwrite(str(folder / f'{index}.png'), white_square(20 + 4 * index, size))
        (folder / '1.png').write_bytes(b'damaged')
        assert demo.main([str(folder), *BOX, '--out', str(out)]) == 0
        states = [row['state'] for row in rows_of(out)]
        assert states == ['normal', 'not_found', 'normal', 'normal']
        assert '1.png: cannot be read as an image; the frame counts as corrupt' in caplog.text
        assert 'cv2.imread' not in caplog.text
        assert len(list(open_source(out / 'tracked.mp4'))) == 4

    def test_manifest_without_room_is_named(self, video, out, monkeypatch, capsys):
        def no_space(*_, **__):
            raise OSError(28, 'No space left on device')

        monkeypatch.setattr(Path, 'write_text', no_space)
        assert demo.main([video, *BOX, '--out', str(out)]) == 2
        error = capsys.readouterr().err
        assert f'error: {out / "manifest.json"}: cannot be written (No space left' in error
        assert len(rows_of(out)) == 8

    def test_source_beside_the_outputs(self, video):
        assert demo.main([video, *BOX, '--out', str(Path(video).parent)]) == 0

    def test_second_run_replaces_the_first(self, video, out):
        demo.main([video, *BOX, '--out', str(out)])
        assert demo.main([video, *BOX, '--out', str(out), '--max-frames', '2']) == 0
        assert files_in(out) == FILES
        assert len(rows_of(out)) == 2


class TestBadInput:
    @pytest.fixture(autouse=True)
    def nothing_is_tracked(self, models):
        yield
        assert not models[0].starts

    def error_of(self, capsys, *arguments: str) -> str:
        assert demo.main(list(arguments)) == 2
        error = capsys.readouterr().err
        assert error.startswith('error: ')
        assert 'Traceback' not in error
        return error

    def test_box(self, video, out, capsys):
        error = self.error_of(capsys, video, '--box', '500', '0', '10', '10', '--out', str(out))
        assert 'outside the 160 x 120 frame' in error
        assert files_in(out) == []

    def test_no_box_without_display(self, video, out, capsys):
        error = self.error_of(capsys, video, '--out', str(out))
        assert 'needs a display' in error
        assert '--box X Y W H' in error
        assert 'needs a display' in self.error_of(capsys, video, *BOX, '--show', '--out', str(out))

    @pytest.mark.parametrize(
        ('source', 'message'),
        [
            (
                'rtsp://me:secret@127.0.0.1:1/live',
                'source: rtsp://127.0.0.1:1/live cannot be read',
            ),
            ('s3://bucket/a.mp4', 'a URL of a kind that is not read; pass one of http, https'),
        ],
    )
    def test_source_is_a_stream_that_cannot_be_read(self, out, capsys, source, message):
        assert message in self.error_of(capsys, source, *BOX, '--out', str(out))
        assert not out.exists() or files_in(out) == []

    @pytest.mark.parametrize(
        ('text', 'message'),
        [
            ('{', 'cannot be read'),
            ('{}', 'names no box'),
            ('[120, 80, 64, 48]', 'boxes without names; write such as {"car": [120, 80, 64, 48]'),
            ('{"car": [1, 2]}', 'car: box: must be 4 numbers'),
        ],
    )
    def test_file_of_boxes(self, tmp_path, video, out, capsys, text, message):
        (tmp_path / 'boxes.json').write_text(text)
        error = self.error_of(
            capsys, video, '--boxes', str(tmp_path / 'boxes.json'), '--out', str(out)
        )
        assert message in error
        assert files_in(out) == []

    def test_boxes_of_another_video(self, tmp_path, video, out, capsys):
        (tmp_path / 'a.csv').write_text('frame,x,y,w,h\n9,20,40,20,20\n')
        error = self.error_of(capsys, video, '--boxes', str(tmp_path / 'a.csv'), '--out', str(out))
        assert 'a.csv: has a box in frame 9, after the end; they are of another video' in error

    def test_source_is_a_video_of_otb(self, tmp_path, out, capsys):
        (tmp_path / 'Deer' / 'img').mkdir(parents=True)
        error = self.error_of(capsys, str(tmp_path / 'Deer'), *BOX, '--out', str(out))
        assert 'holds no picture' in error
        assert error.endswith(f'; did you mean {tmp_path / "Deer" / "img"}?\n')

    def test_first_picture_is_corrupt(self, tmp_path, out, capsys):
        (tmp_path / '0.png').write_bytes(b'damaged')
        error = self.error_of(capsys, str(tmp_path), *BOX, '--out', str(out))
        assert 'first frame' in error

    def test_out_is_a_file(self, video, capsys):
        error = self.error_of(capsys, video, *BOX, '--out', video)
        assert '--out: cannot write to' in error

    def test_source_is_an_output(self, tmp_path, capsys):
        source = write_video(tmp_path / 'tracked.mp4')
        content = Path(source).read_bytes()
        (tmp_path / 'link').symlink_to(tmp_path)
        for folder in (tmp_path, tmp_path / 'link'):
            error = self.error_of(capsys, source, *BOX, '--out', str(folder))
            assert f'--out: {folder} holds the source {source}, which would be' in error
        assert Path(source).read_bytes() == content
        assert files_in(tmp_path) == ['link', 'tracked.mp4']

    def test_source_folder_is_the_output_folder(self, tmp_path, capsys):
        cv2.imwrite(str(tmp_path / '0.png'), white_square(20))
        error = self.error_of(capsys, str(tmp_path), *BOX, '--out', str(tmp_path / '.'))
        assert 'would be overwritten; pass another folder' in error
        assert files_in(tmp_path) == ['0.png']

    def test_out_is_not_writable(self, video, tmp_path, capsys, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(13, 'Permission denied')

        monkeypatch.setattr(tempfile, 'TemporaryFile', refuse)
        error = self.error_of(capsys, video, *BOX, '--out', str(tmp_path / 'out'))
        assert 'Permission denied' in error

    def test_max_frames(self, video, capsys):
        with pytest.raises(SystemExit) as caught:
            demo.main([video, *BOX, '--max-frames', '0'])
        assert caught.value.code == 2
        assert '--max-frames' in capsys.readouterr().err


class TestInterrupt:
    def test_first_ctrl_c_finishes_the_frame_and_every_file(self, video, out, models):
        models[0] = FailingModel(lambda: os.kill(os.getpid(), signal.SIGINT))
        # A shell starts background jobs with the signal ignored.
        handler = signal.getsignal(signal.SIGINT)
        assert demo.main([video, *BOX, '--out', str(out)]) == 130
        assert files_in(out) == FILES
        assert len(rows_of(out)) == len(list(open_source(out / 'tracked.mp4'))) == 4
        manifest = json.loads((out / 'manifest.json').read_text())
        assert manifest['interrupted'] is True
        assert manifest['frames'] == 4
        assert signal.getsignal(signal.SIGINT) is handler

    def test_error_in_the_model_leaves_nothing_half_written(self, video, out, models):
        def fail():
            raise ZeroDivisionError

        models[0] = FailingModel(fail)
        with pytest.raises(ZeroDivisionError):
            demo.main([video, *BOX, '--out', str(out)])
        assert files_in(out) == []


class TestDisplay:
    @pytest.fixture(autouse=True)
    def display(self, monkeypatch):
        monkeypatch.setenv('DISPLAY', ':0')
        monkeypatch.setattr(cv2, 'destroyWindow', lambda *_: None)
        monkeypatch.setattr(cv2, 'imshow', lambda *_: None)
        monkeypatch.setattr(cv2, 'waitKey', lambda *_: -1)

    def test_box_is_drawn(self, video, out, models, monkeypatch):
        monkeypatch.setattr(cv2, 'selectROI', lambda *_, **__: (20, 40, 20, 21))
        assert demo.main([video, '--out', str(out)]) == 0
        assert models[0].starts[0][1].tolist() == [20, 40, 20, 21]

    def test_no_box_is_drawn(self, video, out, monkeypatch, capsys):
        monkeypatch.setattr(cv2, 'selectROI', lambda *_, **__: (0, 0, 0, 0))
        assert demo.main([video, '--out', str(out)]) == 2
        assert 'no box was drawn' in capsys.readouterr().err

    def test_opencv_without_windows(self, video, out, monkeypatch, capsys):
        def fail(*_, **__):
            raise cv2.error('not implemented')

        monkeypatch.setattr(cv2, 'selectROI', fail)
        monkeypatch.setattr(cv2, 'imshow', fail)
        assert demo.main([video, '--out', str(out)]) == 2
        assert demo.main([video, *BOX, '--show', '--out', str(out)]) == 2
        assert capsys.readouterr().err.count('opens no windows') == 2

    def test_q_ends_it_well(self, video, out, monkeypatch):
        monkeypatch.setattr(cv2, 'waitKey', lambda *_: ord('q'))
        assert demo.main([video, *BOX, '--show', '--out', str(out)]) == 0
        assert len(rows_of(out)) == 2


def test_help_explains_and_imports_nothing_heavy():
    code = (
        'import runpy, sys\n'
        f'sys.path.insert(0, {str(DEMO.parent)!r})\n'
        'sys.argv = ["demo.py", "--help"]\n'
        f'try: runpy.run_path({str(DEMO)!r}, run_name="__main__")\n'
        'finally: print("heavy:", sorted({"torch", "cv2", "numpy"} & set(sys.modules)))\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'heavy: []' in done.stdout
    for word in ('--box X Y W H', '--out', '--checkpoint', 'boxes.csv', 'example:'):
        assert word in done.stdout
