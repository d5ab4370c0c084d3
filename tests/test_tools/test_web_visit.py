# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of what a visitor may open and sees, without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from fake_model import FakeModel, white_square
from tlpg_tools.web_visit import MAX_POINTS, Visit, videos_below

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.utils.errors import InputError

BOX = [20.0, 40.0, 20.0, 20.0]


def write_video(path: Path, count: int = 8) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 20.0, (160, 120))
    for index in range(count):
        writer.write(white_square(20 + 4 * (index % 20)))
    writer.release()
    return path


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / 'videos'
    (folder / 'day 1').mkdir(parents=True)
    write_video(folder / 'day 1' / 'a.mp4')
    (folder / 'notes.txt').write_text('none')
    write_video(tmp_path / 'secret.mp4')
    (folder / 'link.mp4').symlink_to(tmp_path / 'secret.mp4')
    return folder


@pytest.fixture
def visit(tmp_path: Path, videos: Path) -> Visit:
    root = tmp_path / 'root'
    root.mkdir()
    return Visit(Tracker(FakeModel(), 'cpu'), root, videos)


def test_videos_are_listed_in_order(videos):
    write_video(videos / 'B.AVI')
    (videos / 'pictures').mkdir()
    cv2.imwrite(str(videos / 'pictures' / '1.png'), white_square(20))
    assert videos_below(videos) == ['B.AVI', 'day 1/a.mp4', 'pictures']


@pytest.mark.parametrize('name', ['../secret.mp4', 'link.mp4', '/etc/passwd', 'day 1/../../root'])
def test_nothing_outside_the_folder_is_opened(visit, tmp_path, name):
    with pytest.raises(InputError, match='not below the folder'):
        visit.open(name)
    visit.videos = None
    with pytest.raises(InputError, match='not below the folder'):
        visit.open(str(tmp_path / 'secret.mp4'))
    assert visit.view() is None


def test_what_the_player_shows(visit):
    visit.open('day 1/a.mp4')
    view = visit.view()
    assert (view['count'], view['width'], view['height']) == (8, 160, 120)
    assert view['image'].startswith('data:image/jpeg;base64,')
    assert view['targets'] == view['boxes'] == []
    visit.draw(0, BOX)
    visit.select(None)
    visit.draw(3, [32, 40, 20, 20])
    for _ in visit.track():
        assert visit.view()['tracking']
    view = visit.view()
    assert not view['tracking'] and view['progress'] == 1
    assert [each['name'] for each in view['targets']] == ['object 1', 'object 2']
    assert len({each['colour'] for each in view['targets']}) == 2
    first, second = view['charts']['score']
    assert [index for index, _ in first['runs'][0]] == list(range(8))
    assert [index for index, _ in second['runs'][0]] == list(range(3, 8))
    assert (first['marks'], second['marks']) == ([0], [3])
    json.dumps(view)


def test_a_drawn_box_belongs_to_the_selected_object(visit):
    visit.open('day 1/a.mp4')
    visit.draw(0, BOX)
    visit.draw(2, BOX)
    visit.rename('object 1', 'car')
    visit.draw(4, BOX)
    assert list(visit.session.targets) == ['car']
    assert sorted(visit.session.targets['car'].marks) == [0, 2, 4]
    visit.remove('car', 0)
    assert visit.selected is None


def test_charts_of_long_videos_are_short_and_keep_the_worst(visit, videos):
    write_video(videos / 'long.mp4', 2000)
    visit.open('long.mp4')
    visit.draw(0, BOX)
    for _ in visit.session.track():
        pass
    results = visit.session.targets['object 1'].results
    results[1234] = type(results[1234])(results[1234].box, 0.01, results[1234].state)
    points = visit.view()['charts']['score'][0]['runs'][0]
    assert len(points) < 2 * MAX_POINTS
    assert [1234, 0.01] in points


def test_uploads_are_apart_and_removed(visit, tmp_path):
    uploaded = write_video(tmp_path / 'mine.mp4')
    other = Visit(visit.tracker, visit.root)
    visit.upload(str(uploaded))
    other.upload(str(uploaded))
    uploaded.unlink()
    assert len(list(visit.root.rglob('mine.mp4'))) == 2
    visit.upload(str(write_video(tmp_path / 'next.mp4')))
    assert len(list(visit.root.rglob('mine.mp4'))) == 1
    assert other.view()['count'] == 8
    visit.close()
    other.close()
    assert list(visit.root.iterdir()) == []


def test_an_upload_that_is_no_video_leaves_the_last_one(visit, tmp_path):
    visit.upload(str(write_video(tmp_path / 'mine.mp4')))
    (tmp_path / 'bad.mp4').write_text('not a video')
    with pytest.raises(InputError, match='cannot be opened as a video'):
        visit.upload(str(tmp_path / 'bad.mp4'))
    assert visit.view()['count'] == 8
    assert len(list(visit.root.rglob('*.mp4'))) == 1


def test_another_video_ends_tracking(visit):
    visit.open('day 1/a.mp4')
    visit.draw(0, BOX)
    steps = visit.track()
    next(steps)
    visit.open('day 1/a.mp4')
    assert list(steps) == []
    assert visit.index == 0 and visit.session.targets == {}
