# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of tools/label_backend.py with Label Studio itself: `pip install label-studio` apart.

Needs the program label-studio on the PATH; its own environment will do. It takes minutes to start.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from fake_model import FakeModel, white_square
from tlpg_tools.label_backend import Backend
from tlpg_tools.label_proposals import Proposer
from tlpg_tools.writers import VideoFileWriter

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.formats import read_boxes_of_video, write_boxes_of_video
from tlpg_mmtrack.formats.records import BoxRecord, VideoBoxes

PROGRAM = shutil.which('label-studio')
pytestmark = pytest.mark.skipif(PROGRAM is None, reason='label-studio is not on the PATH')

TOKEN = '0123456789abcdef0123456789abcdef01234567'
CONFIG = (
    '<View><Labels name="label" toName="video"><Label value="square"/></Labels>'
    '<Video name="video" value="$video"/>'
    '<VideoRectangle name="box" toName="video" smart="true"/></View>'
)
SETTINGS = dict(
    ML_BLOCK_LOCAL_IP='false',
    USE_DEFAULT_BANNED_SUBNETS='false',
    LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN='true',
    COLLECT_ANALYTICS='false',
    LATEST_VERSION_CHECK='false',
    SENTRY_DSN='',
    FRONTEND_SENTRY_DSN='',
)
START_SECONDS = 600


class LabelStudio:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._address = f'http://127.0.0.1:{port}'

    def ask(self, path: str, content: Any = None) -> Any:
        """The answer to a request; GET where it has no content."""
        body = None if content is None else json.dumps(content).encode()
        headers = {'Authorization': f'Token {TOKEN}', 'Content-Type': 'application/json'}
        with urlopen(Request(self._address + path, body, headers), timeout=200) as answer:
            return json.loads(answer.read())

    def task(self, *tasks: Any) -> tuple[int, int]:
        """A new project with these tasks; its number, and that of the first."""
        project = self.ask('/api/projects', dict(title='squares', label_config=CONFIG))['id']
        self.ask(f'/api/projects/{project}/import', tasks)
        return project, self.ask(f'/api/tasks?project={project}')['tasks'][0]['id']


@pytest.fixture(scope='module')
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    """Label Studio with an empty database, on a free port."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp('label_studio')
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    environment |= SETTINGS | dict(LABEL_STUDIO_BASE_DATA_DIR=str(folder))
    options = ['--port', str(port), '--internal-host', '127.0.0.1', '--no-browser']
    account = ['--username', 'a@b.co', '--password', 'secret123', '--user-token', TOKEN]
    with open(folder / 'log', 'w') as log:
        process = subprocess.Popen(
            [PROGRAM, 'start', *options, *account],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        server = LabelStudio(port)
        for _ in range(START_SECONDS):
            try:
                server.ask('/api/projects')
                break
            except (URLError, ConnectionError):
                assert process.poll() is None, (folder / 'log').read_text()
                time.sleep(1)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A square that moves by 4 pixels a frame."""
    path = tmp_path / 'a.mp4'
    with VideoFileWriter(path, 20.0) as writer:
        for index in range(12):
            writer.write(white_square(20 + 4 * index))
    return path


@pytest.fixture
def backend(video: Path) -> Iterator[str]:
    """The address of the service, which proposes 5 frames at once."""
    proposer = Proposer(Tracker(FakeModel(), 'cpu'), video.parent, frames=5)
    with Backend(('127.0.0.1', 0), proposer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


def boxes(*lefts: float) -> VideoBoxes:
    """Boxes of the square from frame 0 on."""
    records = [BoxRecord(i, 'square', (x, 40.0, 20.0, 20.0)) for i, x in enumerate(lefts)]
    return VideoBoxes('a.mp4', tuple(records), (160, 120), 20.0, 12)


def lefts(result: list[dict[str, Any]]) -> list[float]:
    (region,) = result
    return [each['x'] * 1.6 for each in region['value']['sequence']]


def test_draw_propose_correct_propose_export(studio, backend, video, tmp_path):
    project, task = studio.task(dict(data=dict(video='/data/local-files/?d=a.mp4')))
    service = dict(project=project, url=backend, title='tlpg', is_interactive=True)
    connected = studio.ask('/api/ml', service)
    assert connected['state'] == 'CO'

    def propose(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
        question = dict(task=task, context=dict(result=result))
        answer = studio.ask(f'/api/ml/{connected["id"]}/interactive-annotating', question)
        return answer['data']['result']

    write_boxes_of_video(boxes(20), tmp_path / 'drawn.json', 'labelstudio')
    drawn = json.loads((tmp_path / 'drawn.json').read_text())[0]['predictions'][0]['result']
    result = propose(drawn)
    assert lefts(result) == pytest.approx([20, 24, 28, 32, 36, 40], abs=1)
    result[0]['value']['sequence'][3]['x'] += 1
    result = propose(result)
    assert lefts(result) == pytest.approx([20, 24, 28, 33.6, 36, 40, 44, 48, 52], abs=1)

    studio.ask(f'/api/tasks/{task}/annotations/', dict(result=result))
    export = studio.ask(f'/api/projects/{project}/export?exportType=JSON')
    (tmp_path / 'export.json').write_text(json.dumps(export))
    read = read_boxes_of_video(tmp_path / 'export.json', video=video)
    assert [record.frame for record in read.records] == list(range(9))
    assert [record.box[0] for record in read.records] == pytest.approx(lefts(result), abs=1e-3)
