# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of drawing, tracking and correcting, on a small stand-in for the model."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from fake_model import FakeModel, white_square
from tlpg_tools import recording
from tlpg_tools.tracking_session import MAX_TARGETS, TrackingSession
from tlpg_tools.writers import VideoFileWriter

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import FileError, InputError

FRAMES = 12
BOX = (20, 40, 20, 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for index in range(FRAMES):
        cv2.imwrite(str(folder / f'{index:02d}.png'), white_square(20 + 4 * index))
    return folder


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def session(folder: Path, model: FakeModel) -> TrackingSession:
    return TrackingSession(folder, Tracker(model, 'cpu'))


def xs(session: TrackingSession, name: str) -> list[int | None]:
    """Where an object is, frame by frame."""
    found = (session.results(index).get(name) for index in range(FRAMES))
    return [None if result is None else round(result.box[0]) for result in found]


def test_tracks_to_the_end(session):
    session.draw(0, 'square', BOX)
    assert list(session.track()) == list(range(FRAMES))
    # The middle of the white pixels lies half a pixel off.
    assert xs(session, 'square') == pytest.approx(
        [20 + 4 * index for index in range(FRAMES)], abs=1
    )
    assert list(session.track()) == []


class LosingModel(FakeModel):
    """Loses every target at once; ``turns`` says which may be looked for, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[bool] = []

    def start(self, frame, box, seed=0):
        return SimpleNamespace(box=box, waiting=1)

    def step(self, frame, target, search=True):
        self.turns.append(search)
        target.waiting = 1 if search else target.waiting + 1
        return TrackingResult(target.box, 0.0, TrackingState.NOT_FOUND)


def test_lost_objects_take_turns(folder):
    model = LosingModel()
    session = TrackingSession(folder, Tracker(model, 'cpu'))
    for name in ('a', 'b', 'c'):
        session.draw(0, name, BOX)
    list(session.track())
    frames = np.reshape(model.turns, (FRAMES - 1, 3))
    assert frames.argmax(axis=1).tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]
    assert (frames.sum(axis=1) == 1).all()


def test_a_lost_object_that_is_gone_takes_no_turns(folder):
    model = LosingModel()
    session = TrackingSession(folder, Tracker(model, 'cpu'))
    for name in ('a', 'b', 'c'):
        session.draw(0, name, BOX)
    session.remove('a', 3)
    list(session.track())
    frames = np.reshape(model.turns[2 * 3 :], (FRAMES - 3, 2))
    assert (frames.sum(axis=1) == 1).all()


def test_pauses_and_goes_on(session, model):
    session.draw(0, 'square', BOX)
    for index in session.track():
        if index == 4:
            session.pause()
    assert session.targets['square'].next == 5
    assert list(session.track()) == list(range(5, FRAMES))
    assert len(model.starts) == 1


def test_a_correction_is_learned_and_what_came_after_it_is_tracked_again(session, model):
    session.draw(0, 'square', BOX)
    list(session.track())
    before = xs(session, 'square')
    session.draw(6, 'square', (40, 40, 24, 24))
    assert xs(session, 'square') == [*before[:6], 40, *[None] * 5]
    assert list(session.track()) == list(range(6, FRAMES))
    assert [start[1].tolist() for start in model.starts] == [list(BOX), [40, 40, 24, 24]]
    assert session.results(5)['square'].box[2] == 20
    assert session.results(6)['square'].box.tolist() == [40, 40, 24, 24]
    assert session.results(7)['square'].box[2] == 24


def test_boxes_drawn_ahead_are_learned_when_they_are_reached(session, model):
    session.draw(8, 'square', (52, 40, 24, 24))
    session.draw(2, 'square', BOX)
    assert list(session.track()) == list(range(2, FRAMES))
    assert len(model.starts) == 2
    assert session.results(7)['square'].box[2] == 20
    assert session.results(8)['square'].box.tolist() == [52, 40, 24, 24]


def test_an_earlier_first_box_forgets_all(session):
    session.draw(5, 'square', (40, 40, 20, 20))
    list(session.track())
    session.draw(1, 'square', (24, 40, 20, 20))
    assert session.targets['square'].next == 1
    assert list(session.track()) == list(range(1, FRAMES))


def test_a_correction_leaves_other_objects_alone(session, model):
    session.draw(0, 'one', BOX)
    session.draw(3, 'two', (32, 40, 20, 20))
    list(session.track())
    session.draw(9, 'one', (56, 40, 20, 20))
    assert session.targets['two'].next == FRAMES
    assert list(session.track()) == [9, 10, 11]
    assert xs(session, 'two')[:3] == [None] * 3
    assert len(model.starts) == 3


def test_gone_and_back(session):
    session.draw(0, 'square', BOX)
    list(session.track())
    session.remove('square', 4)
    session.draw(8, 'square', (52, 40, 20, 20))
    assert list(session.track()) == list(range(4, FRAMES))
    assert [x is None for x in xs(session, 'square')] == [4 <= i < 8 for i in range(FRAMES)]
    session.remove('square', 0)
    assert session.targets == {}


def test_rename_keeps_colour_and_results(session):
    session.draw(0, 'one', BOX)
    session.draw(0, 'two', BOX)
    session.rename('one', ' car ')
    assert list(session.targets) == ['car', 'two']
    with pytest.raises(InputError, match='cannot become'):
        session.rename('car', 'two')


def test_corrupt_frames_are_not_found_and_no_box_is_drawn_there(session, folder):
    (folder / '03.png').write_bytes(b'damaged')
    session.draw(0, 'square', BOX)
    list(session.track())
    assert session.results(3)['square'].state.value == 'not_found'
    with pytest.raises(InputError, match='frame 3 is corrupt'):
        session.draw(3, 'square', BOX)


def test_a_video_that_cannot_be_decoded_half_way_is_tracked_to_its_end(tmp_path, model):
    path = tmp_path / 'video.mkv'
    with VideoFileWriter(tmp_path / 'whole.mp4', 25) as writer:
        for index in range(60):
            writer.write(white_square(20 + index))
    data = bytearray((tmp_path / 'whole.mp4').read_bytes())
    # The index lies before the frames.
    middle = data.rindex(b'mdat') + (len(data) - data.rindex(b'mdat')) // 2
    data[middle:] = bytes(len(data) - middle)
    path.write_bytes(data)
    session = TrackingSession(path, Tracker(model, 'cpu'))
    session.draw(0, 'square', BOX)
    assert list(session.track()) == list(range(60))
    states = [session.results(index)['square'].state.value for index in range(60)]
    assert states[:15] == ['normal'] * 15
    assert states[-5:] == ['not_found'] * 5
    session.save(tmp_path / 'all.zip')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((FRAMES, 'square', BOX), 'is not one of the 12'),
        ((0, ' ', BOX), '1 to 40 characters'),
        ((0, 'square', (500, 40, 20, 20)), 'lies outside'),
        ((0, 'square', (1, 2, float('nan'), 4)), 'must be finite'),
        ((0, 'square', 'box'), 'must be 4 numbers'),
    ],
)
def test_boxes_that_cannot_be_used(session, arguments, message):
    with pytest.raises(InputError, match=message):
        session.draw(*arguments)
    assert session.targets == {}


def test_number_of_objects_is_bounded(session):
    for number in range(MAX_TARGETS):
        session.draw(0, str(number), BOX)
    with pytest.raises(InputError, match='16 objects already'):
        session.draw(0, 'more', BOX)


def test_nothing_to_track_or_save(session, tmp_path):
    with pytest.raises(InputError, match='draw a box'):
        list(session.track())
    session.draw(0, 'square', BOX)
    with pytest.raises(InputError, match='nothing was tracked yet'):
        session.save(tmp_path / 'all.zip')


def test_two_sessions_on_one_file_do_not_meet(folder, model):
    tracker = Tracker(model, 'cpu')
    first, second = TrackingSession(folder, tracker), TrackingSession(folder, tracker)
    first.draw(0, 'square', BOX)
    steps = first.track()
    next(steps)
    second.draw(5, 'square', (40, 40, 20, 20))
    assert list(second.track()) == list(range(5, FRAMES))
    assert list(steps) == list(range(1, FRAMES))
    assert xs(first, 'square') != xs(second, 'square')


def test_saves_everything(session, tmp_path):
    session.draw(2, 'dog, "Rex"', (28, 40, 20, 20))
    session.draw(4, 'Katze', (36, 40, 20, 20))
    list(session.track())
    session.remove('Katze', 10)
    session.save(tmp_path / 'all.zip')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['all.zip', 'pictures']
    with zipfile.ZipFile(tmp_path / 'all.zip') as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert sorted(files) == [
        'boxes.csv',
        'contact_sheet.png',
        'manifest.json',
        'scores.png',
        'tracked.mp4',
    ]
    rows = list(csv.DictReader(io.StringIO(files['boxes.csv'].decode(), newline='')))
    frames = {name: [] for name in ('dog, "Rex"', 'Katze')}
    for row in rows:
        frames[row['target']].append(int(row['frame']))
    assert frames == {'dog, "Rex"': list(range(2, 12)), 'Katze': list(range(4, 10))}
    assert json.loads(files['manifest.json'])['drawn']['Katze'] == {
        '4': [36, 40, 20, 20],
        '10': None,
    }
    plot = cv2.imdecode(np.frombuffer(files['scores.png'], np.uint8), cv2.IMREAD_COLOR)
    assert plot.std() > 0


def test_a_full_disk_is_named_and_costs_no_boxes(session, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise FileError('tracked.mp4: cannot be written (No space left on device)')

    session.draw(0, 'square', BOX)
    list(session.track())
    with monkeypatch.context() as patch:
        patch.setattr(recording.VideoFileWriter, 'write', full)
        with pytest.raises(FileError, match='No space left'):
            session.save(tmp_path / 'all.zip')
    assert [path.name for path in tmp_path.iterdir()] == ['pictures']
    assert isinstance(session.results(11)['square'], TrackingResult)
    session.save(tmp_path / 'all.zip')
    assert (tmp_path / 'all.zip').exists()
