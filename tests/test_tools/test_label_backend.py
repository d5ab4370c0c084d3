# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of tools/label_backend.py, asked as Label Studio asks, on a stand-in for the model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel, white_square
from tlpg_tools.label_backend import Backend, main
from tlpg_tools.label_proposals import Proposer
from tlpg_tools.writers import VideoFileWriter

from tlpg_mmtrack.apis.tracker import Tracker

CONFIG = (
    '<View><Labels name="label" toName="video"><Label value="square"/></Labels>'
    '<Video name="video" value="$clip"/><VideoRectangle name="box" toName="video"/></View>'
)
LOCAL = '/data/local-files/?d=clips/a.mp4'


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder with a video in which a square moves by 4 pixels a frame, and is gone in two."""
    folder = tmp_path / 'videos' / 'clips'
    folder.mkdir(parents=True)
    with VideoFileWriter(folder / 'a.mp4', 20.0) as writer:
        for index in range(12):
            writer.write(white_square(20 + 4 * index) * (index not in (6, 7)))
    return folder.parent


@pytest.fixture
def backend(videos: Path) -> Iterator[Backend]:
    """The service, running; proposes 5 frames at once."""
    proposer = Proposer(Tracker(FakeModel(), 'cpu'), videos, frames=5)
    with Backend(('127.0.0.1', 0), proposer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(backend: Backend, path: str, content: Any = None) -> tuple[int, str, Any]:
    """Status, reason and content of the answer to a request; GET where it has no content."""
    connection = HTTPConnection('127.0.0.1', backend.server_port, timeout=60)
    body = None if content is None else json.dumps(content)
    connection.request('GET' if body is None else 'POST', path, body)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, answer.reason, json.loads(text) if answer.status < 404 else None


def keyframe(frame: int, x: float, **more: Any) -> dict[str, Any]:
    """A keyframe of the square, which is 20 x 20 pixels at (x, 40) of 160 x 120."""
    sides = dict(x=x / 1.6, y=40 / 1.2, width=20 / 1.6, height=20 / 1.2)
    return dict(frame=frame, enabled=True, rotation=0, **sides, **more)


def region(*sequence: dict[str, Any]) -> dict[str, Any]:
    value = dict(framesCount=12, duration=0.6, labels=['square'], sequence=list(sequence))
    names = dict(from_name='box', to_name='video', type='videorectangle', origin='manual')
    return dict(id='abc', **names, value=value)


def predict(backend: Backend, *regions: dict[str, Any], url: str = LOCAL) -> tuple[int, str, Any]:
    """Ask as the page does when a person draws."""
    task = dict(id=3, data=dict(clip=url), annotations=[], predictions=[])
    params = dict(context=dict(result=list(regions)))
    return ask(backend, '/predict', dict(tasks=[task], label_config=CONFIG, params=params))


def places(answer: Any) -> dict[int, float]:
    """The left side in pixels by frame."""
    ((result,),) = [each['result'] for each in answer['results']]
    return {each['frame']: each['x'] * 1.6 for each in result['value']['sequence']}


def test_what_label_studio_asks_first(backend: Backend) -> None:
    assert ask(backend, '/health')[2]['status'] == 'UP'
    setup = dict(project='1.17', schema=CONFIG, hostname='', access_token='', extra_params=None)
    versions = [ask(backend, '/setup', setup)[2]['model_version'] for _ in range(2)]
    assert versions[0].startswith('tlpg_mmtrack ')
    # Else a task would not be asked for twice.
    assert versions[0] != versions[1]
    assert ask(backend, '/webhook', dict(action='PROJECT_UPDATED'))[0] == 200
    assert ask(backend, '/nothing')[0] == 404


def test_the_next_frames_follow_the_box(backend: Backend) -> None:
    status, _, answer = predict(backend, region(keyframe(1, 20)))
    assert status == 200
    assert places(answer) == pytest.approx({n: 16 + 4 * n for n in range(1, 7)}, abs=1)
    (result,) = answer['results'][0]['result']
    assert (result['id'], result['from_name'], result['to_name']) == ('abc', 'box', 'video')
    assert result['value']['labels'] == ['square']
    assert [each['enabled'] for each in result['value']['sequence']] == [True] * 5 + [False]
    assert result['value']['sequence'][2]['time'] == pytest.approx(0.1)


def test_a_correction_is_gone_on_from(backend: Backend) -> None:
    _, _, answer = predict(backend, region(keyframe(1, 20)))
    (proposed,) = answer['results'][0]['result']
    # Frame 3 is corrected: what was proposed after it is proposed again.
    proposed['value']['sequence'][2] = keyframe(3, 30)
    _, _, answer = predict(backend, proposed)
    found = places(answer)
    assert list(found) == [1, 2, 3, 4, 5, 6]
    assert found[3] == pytest.approx(30)
    # Nothing was corrected: on from the last frame, through two without the target.
    (proposed,) = answer['results'][0]['result']
    _, _, answer = predict(backend, proposed)
    assert list(places(answer)) == [1, 2, 3, 4, 5, 6, 9, 10, 11]
    (result,) = answer['results'][0]['result']
    enabled = {each['frame']: each['enabled'] for each in result['value']['sequence']}
    assert [frame for frame, on in enabled.items() if not on] == [6, 11]


def test_a_task_with_an_annotation_is_gone_on_from(backend: Backend) -> None:
    task = dict(id=4, data=dict(clip='/data/upload/clips/a.mp4'))
    older = dict(updated_at='2026-12-01T10:00:00Z', result=[region(keyframe(1, 20))])
    newer = dict(updated_at='2026-12-01T10:01:00Z', result=[region(keyframe(9, 52))])
    answers = dict(annotations=[newer, older], predictions=[dict(result=[])])
    empty = dict(id=5, data=dict(clip=LOCAL), annotations=[], predictions=[])
    request = dict(tasks=[task | answers, empty], label_config=CONFIG, params={})
    status, _, answer = ask(backend, '/predict', request)
    assert status == 200
    first, second = answer['results']
    (extended,) = first['result']
    assert [each['frame'] for each in extended['value']['sequence']] == [9, 10, 11, 12]
    # No prediction: an empty one would count as one.
    assert second == []


@pytest.mark.parametrize(
    ('url', 'sequence', 'reason'),
    [
        ('/data/local-files/?d=../../secret.mp4', [keyframe(1, 20)], 'video: none like'),
        ('/etc/hostname', [keyframe(1, 20)], 'video: none like '),
        (LOCAL, [], "region 'abc': has no box; draw one"),
        (LOCAL, None, "region 'abc': counts 6 frames in a video of 12; give the tag Video"),
        (LOCAL, [keyframe(20, 20)], 'region: frame 20 of'),
        (LOCAL, [keyframe(1, 400)], 'box: [400.0, 40.0, 20.0, 20.0] lies outside the 160 x 120'),
        (LOCAL, [dict(frame=1)], "sequence[0]: 'x' must be a number, got None"),
    ],
)
def test_what_cannot_be_used_is_the_reason(url, sequence, reason, backend, tmp_path):
    (tmp_path / 'secret.mp4').write_bytes((tmp_path / 'videos/clips/a.mp4').read_bytes())
    drawn = region(*sequence or [])
    if sequence is None:
        drawn['value'] |= dict(framesCount=6, sequence=[keyframe(1, 20)])
    status, said, content = predict(backend, drawn, url=url)
    assert status == 400
    assert reason in said
    assert reason in content['error']
    # And the service goes on.
    assert predict(backend, region(keyframe(1, 20)))[0] == 200


def test_requests_that_are_none(backend: Backend) -> None:
    for content in ('', [], dict(tasks=3), dict(tasks=['a'])):
        assert ask(backend, '/predict', content)[:2] == (400, 'request: needs a list of tasks')
    request = dict(tasks=[dict(id=1)], label_config='<View/>')
    status, said, _ = ask(backend, '/predict', request)
    assert (status, 'needs the tags Video and VideoRectangle' in said) == (400, True)


def test_a_missing_folder_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--videos', 'none']) == 2
    assert capsys.readouterr().err == 'error: --videos: none is not a folder; check the path\n'


@pytest.mark.parametrize(
    ('option', 'limits'),
    [('--port=70000', 'from 0 to 65535, got 70000'), ('--frames=0', '1 or more, got 0')],
)
def test_a_number_out_of_range_is_refused(option: str, limits: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(['--videos', '.', option])
    assert stop.value.code == 2
    assert f'argument {option.split("=")[0]}: must be {limits}' in capsys.readouterr().err


def test_a_port_in_use_is_named(backend, capsys, monkeypatch):
    monkeypatch.setattr(Tracker, 'from_pretrained', lambda **_: Tracker(FakeModel(), 'cpu'))
    assert main(['--videos', '.', '--port', str(backend.server_port)]) == 2
    assert 'cannot be used (Address already in use); pass another' in capsys.readouterr().err
