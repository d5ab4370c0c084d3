# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The page in a real browser: upload, draw, track, correct, download.

Needs requirements/web.txt, the package playwright and Debian's chromium; skipped without them.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
from fake_model import FakeModel
from test_web_visit import write_video

from tlpg_mmtrack.apis.tracker import Tracker

gradio = pytest.importorskip('gradio', reason='pip install -r requirements/web.txt')
playwright = pytest.importorskip('playwright.sync_api', reason='pip install playwright')
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='apt-get install chromium')

FRAMES = 60
# A frame's corners to the screen's.
TO_SCREEN = """([x, y, w, h]) => {
  const overlay = document.querySelector('#player .overlay');
  const to = (x, y) => new DOMPoint(x, y).matrixTransform(overlay.getScreenCTM());
  const [a, b] = [to(x, y), to(x + w, y + h)];
  return [a.x, a.y, b.x, b.y];
}"""


class SlowModel(FakeModel):
    """Takes long enough for a page to be paused or closed meanwhile."""

    steps = 0

    def step(self, frame, target, search=True):
        self.steps += 1
        time.sleep(0.05)
        return super().step(frame, target, search)


@pytest.fixture(scope='module')
def model() -> SlowModel:
    return SlowModel()


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('videos')


@pytest.fixture(scope='module')
def url(model, videos, tmp_path_factory) -> str:
    """The page, served."""
    from tlpg_tools.web_page import build_page, launch

    root = tmp_path_factory.mktemp('root')
    os.environ['GRADIO_TEMP_DIR'] = str(root)
    page = build_page(Tracker(model, 'cpu'), root, videos)
    url = launch(page, '127.0.0.1', 7899, 1, prevent_thread_lock=True, quiet=True)
    yield url
    page.close()
    del os.environ['GRADIO_TEMP_DIR']


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, url):
    page = browser.new_page(viewport={'width': 1200, 'height': 900})
    elsewhere = []
    page.on('request', lambda request: elsewhere.append(request.url))
    page.goto(url)
    page.wait_for_selector('#player .stage')
    yield page
    page.close()
    # Works on a machine without a network, and tells nobody that it is used.
    assert all(address.startswith((url, 'data:', 'blob:')) for address in elsewhere)


def draw(page, box) -> None:
    """Drag a box (x, y, width, height), in pixels of the frame."""
    left, top, right, bottom = page.evaluate(TO_SCREEN, box)
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move((left + right) / 2, bottom)
    page.mouse.move(right, bottom)
    page.mouse.up()


def upload(page, path: Path) -> None:
    page.set_input_files('#upload input, input[type=file]', str(path))
    page.wait_for_selector('#player img[src]')


def wait_for_frame(page, number: int) -> None:
    page.wait_for_selector(f'#player .stage[data-frame="{number - 1}"]')


def wait_for_end(page) -> None:
    wait_for_frame(page, FRAMES)
    page.wait_for_selector('#player .halt:disabled')


def boxes_of(page) -> list[dict[str, str]]:
    with page.expect_download() as started:
        page.click('#save')
    assert started.value.suggested_filename == 'mine_tracked.zip'
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.testzip() is None
        assert {'tracked.mp4', 'scores.png', 'manifest.json'} < set(archive.namelist())
        text = archive.read('boxes.csv').decode()
    return list(csv.DictReader(io.StringIO(text, newline='')))


def test_upload_draw_track_pause_correct_download(page, tmp_path):
    upload(page, write_video(tmp_path / 'mine.mp4', FRAMES))
    draw(page, (20, 40, 20, 20))
    page.wait_for_selector('#player .chips i')
    page.click('#player .go')
    page.wait_for_function("document.querySelector('#player .where').textContent[0] > 3")
    page.click('#player .halt')
    page.wait_for_selector('#player .halt:disabled')
    assert 0 < page.evaluate("document.querySelector('#player progress').value") < 1

    # A frame back by its key, and there by the chart; then a larger box, and a second object.
    page.keyboard.press('Home')
    page.focus('#player .stage')
    page.keyboard.press('Home')
    wait_for_frame(page, 1)
    page.keyboard.press('Shift+ArrowRight')
    wait_for_frame(page, 11)
    draw(page, (58, 38, 28, 24))
    page.get_by_text('+ new object').click()
    page.wait_for_selector('#player .chips span.selected:last-child')
    draw(page, (60, 40, 20, 20))
    page.wait_for_function("document.querySelectorAll('#player .chips i').length === 2")
    page.click('#player .go')
    wait_for_end(page)
    chart = page.locator('#player .charts svg').first
    width = chart.bounding_box()['width']
    chart.click(position={'x': width / 2, 'y': 20})
    page.wait_for_selector('#player .stage[data-frame="29"], #player .stage[data-frame="30"]')
    assert page.locator('#player .overlay rect').count() == 2

    rows = boxes_of(page)
    first = [row for row in rows if row['target'] == 'object 1']
    second = [row for row in rows if row['target'] == 'object 2']
    assert [int(row['frame']) for row in first] == list(range(FRAMES))
    assert [int(row['frame']) for row in second] == list(range(10, FRAMES))
    assert float(first[0]['x']) == pytest.approx(20, abs=1)
    assert [round(float(row['w'])) for row in (first[9], first[10], first[30])] == [20, 28, 28]


def test_what_cannot_be_done_is_said_and_the_page_goes_on(page, tmp_path):
    (tmp_path / 'bad.mp4').write_text('no video')
    page.set_input_files('input[type=file]', str(tmp_path / 'bad.mp4'))
    page.get_by_text('cannot be opened as a video').wait_for()
    (tmp_path / 'large.mp4').write_bytes(bytes(2_000_000))
    page.set_input_files('input[type=file]', str(tmp_path / 'large.mp4'))
    page.get_by_text('maximum').first.wait_for()
    upload(page, write_video(tmp_path / 'mine.mp4', FRAMES))
    page.click('#save')
    page.get_by_text('nothing was tracked yet').wait_for()


def test_visitors_do_not_meet(browser, url, videos):
    write_video(videos / 'one.mp4', FRAMES)
    page = browser.new_page()
    page.goto(url)
    page.click('#choice input')
    page.get_by_role('option', name='one.mp4').click()
    page.wait_for_selector('#player img[src]')
    draw(page, (20, 40, 20, 20))
    page.wait_for_selector('#player .chips i')
    other = browser.new_page()
    other.goto(url)
    other.click('#choice input')
    other.get_by_role('option', name='one.mp4').click()
    other.wait_for_selector('#player img[src]')
    assert other.locator('#player .chips i').count() == 0
    other.close()
    page.close()


def test_a_browser_that_closes_ends_tracking(browser, url, model, tmp_path):
    page = browser.new_page()
    page.goto(url)
    upload(page, write_video(tmp_path / 'mine.mp4', 400))
    draw(page, (20, 40, 20, 20))
    page.wait_for_selector('#player .chips i')
    page.click('#player .go')
    page.wait_for_function("document.querySelector('#player .where').textContent[0] > 3")
    page.close()
    for _ in range(40):
        before = model.steps
        time.sleep(0.5)
        if model.steps == before:
            return
    pytest.fail('it tracks on')


@pytest.mark.parametrize('path', ['/etc/passwd', 'README.md', 'tools/web.py'])
def test_no_file_of_the_machine_is_served(url, path):
    with pytest.raises(urllib.error.HTTPError, match=r'403|404'):
        urllib.request.urlopen(f'{url}gradio_api/file={Path(path).absolute()}')


def test_no_file_of_the_machine_is_opened_as_if_it_were_uploaded(url, tmp_path):
    """Without the page, by the requests that it sends."""

    def ask(kind: str, *data: object) -> bytes:
        with urllib.request.urlopen(f'{url}config') as answer:
            steps = json.load(answer)['dependencies']
        numbers = [each['id'] for each in steps if each['targets'][0][1] == kind]
        for number in numbers:
            body = {'data': data, 'fn_index': number, 'session_hash': 'stranger'}
            request = urllib.request.Request(
                f'{url}gradio_api/queue/join',
                json.dumps(body).encode(),
                {'Content-Type': 'application/json'},
            )
            urllib.request.urlopen(request).close()
            events = urllib.request.urlopen(f'{url}gradio_api/queue/data?session_hash=stranger')
            with events:
                done = next(line for line in events if b'process_completed' in line)
        return done

    def upload(path: Path) -> bytes:
        return ask('upload', None, {'path': str(path), 'meta': {'_type': 'gradio.FileData'}})

    ask('load')
    # One among the uploaded files shows that the requests are the right ones.
    uploaded = write_video(Path(os.environ['GRADIO_TEMP_DIR'], 'mine.mp4'), 3)
    assert b'image/jpeg' in upload(uploaded)
    refused = upload(write_video(tmp_path / 'secret.mp4', 3))
    assert b'"success":false' in refused
    assert b'image/jpeg' not in refused
