# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The harness: same files as the test loop writes, resumed, bad data left out by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fake_model import FakeModel
from tlpg_tools.baselines import OpenCVBaseline, TLPGBaseline
from tlpg_tools.harness import MEASURES, run_tracker, write_comparison
from tlpg_tools.reports import load_run
from written_runs import write_square_clips

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.datasets.video_folder import FolderVideo, read_video_folder


class Drifter:
    """Moves its box by 1 and a random number; can fail."""

    name = 'drifter'

    def __init__(self, speed: float = 1.0, fails_at: int | None = None) -> None:
        self.speed, self.fails_at, self.started = speed, fails_at, 0

    def identity(self) -> dict[str, Any]:
        return {'speed': self.speed}

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        self.started += 1
        self.steps, self.box = 0, box

    def step(self, frame: np.ndarray) -> np.ndarray:
        self.steps += 1
        if self.started == 2 and self.steps == self.fails_at:
            return np.full(4, np.nan)
        # As some of mmtrack's models: the process's random numbers.
        self.box[0] += self.speed + np.random.random() / 100
        return self.box.copy()


@pytest.fixture
def videos(tmp_path: Path) -> list[FolderVideo]:
    """The clips A and B."""
    write_square_clips(tmp_path / 'clips')
    return read_video_folder(tmp_path / 'clips')[0]


def test_tlpg_runs_through_it(videos: list[FolderVideo], tmp_path: Path) -> None:
    figures = run_tracker(TLPGBaseline(Tracker(FakeModel(), 'cpu')), videos, tmp_path / 'tlpg')
    assert figures['videos'] == 2
    assert figures['fps'] > 0
    # The stand-in finds the middle half a pixel off: overlap above 0.9, not 0.95 or 1.
    assert figures['otb/success'] == pytest.approx(100 * (0.75 * 19 + 0.25 * 20) / 21)
    assert figures['success'] == pytest.approx(figures['otb/success'])
    assert figures['otb/precision'] == 100
    run = load_run(tmp_path / 'tlpg')
    assert (list(run.videos), run.incomplete) == (['A', 'B'], None)
    identity = json.loads((tmp_path / 'tlpg/manifest.json').read_text())['identity']
    assert identity['tracker']['seed'] == 0


def test_a_run_goes_on_to_the_same_boxes(videos: list[FolderVideo], tmp_path: Path) -> None:
    run_tracker(Drifter(), videos, tmp_path / 'whole')
    run_tracker(Drifter(), videos[:1], tmp_path / 'resumed')
    tracker = Drifter()
    run_tracker(tracker, videos, tmp_path / 'resumed')
    assert tracker.started == 1, 'only the second video is tracked'
    for name in ('A', 'B'):
        whole, resumed = (
            json.loads((tmp_path / folder / 'videos' / f'{name}.json').read_text())['regions']
            for folder in ('whole', 'resumed')
        )
        assert whole == resumed


def test_other_trackers_seeds_and_data_are_refused(videos, tmp_path):
    run_tracker(Drifter(), videos, tmp_path / 'run')
    with pytest.raises(ValueError, match=r'tracker\.speed was 1\.0, is 2\.0'):
        run_tracker(Drifter(2.0), videos, tmp_path / 'run')
    with pytest.raises(ValueError, match='seed was 0, is 1'):
        run_tracker(Drifter(), videos, tmp_path / 'run', seed=1)
    with pytest.raises(ValueError, match="holds 'A' of other data"):
        run_tracker(Drifter(), videos[1:], tmp_path / 'run')
    moved = FolderVideo('B', videos[1].images, videos[1].truth + 1)
    with pytest.raises(ValueError, match="holds 'B' of other data"):
        run_tracker(Drifter(), [videos[0], moved], tmp_path / 'run')


@pytest.mark.parametrize('frame', [0, 2])
def test_results_of_frames_that_have_changed_are_refused(frame, videos, tmp_path):
    run_tracker(Drifter(), videos, tmp_path / 'run')
    written = tmp_path / 'run/videos/B.json'
    before = written.read_text()
    cv2.imwrite(str(videos[1].images[frame]), np.zeros((120, 160, 3), np.uint8))
    with pytest.raises(ValueError, match=r"holds 'B' of other data: .* remove .*videos/B\.json"):
        run_tracker(Drifter(), videos, tmp_path / 'run')
    assert written.read_text() == before
    with pytest.raises(ValueError, match="holds 'B' of other data"):
        run_tracker(Drifter(), videos[:1], tmp_path / 'run', problems={'B': 'a frame is missing'})
    written.unlink()
    tracker = Drifter()
    assert run_tracker(tracker, videos, tmp_path / 'run')['videos'] == 2
    assert tracker.started == 1, 'only the removed video is tracked again'


def test_a_fault_in_code_ends_the_run(videos: list[FolderVideo], tmp_path: Path) -> None:
    """A video is not left out for what is not the video's fault."""

    class Broken(Drifter):
        def step(self, frame: np.ndarray) -> np.ndarray:
            raise RuntimeError('CUDA error: out of memory')

    with pytest.raises(RuntimeError, match='CUDA error'):
        run_tracker(Broken(), videos, tmp_path / 'run')


def test_a_video_that_opencv_fails_on_is_left_out(videos, tmp_path, monkeypatch):
    class Failing:
        def __init__(self) -> None:
            starts.append(self)

        def init(self, frame: np.ndarray, box: tuple[int, ...]) -> None:
            pass

        def update(self, frame: np.ndarray) -> tuple[bool, tuple[int, ...]]:
            if len(starts) == 2:
                cv2.cvtColor(frame[:0], cv2.COLOR_BGR2GRAY)
            return True, (10, 10, 20, 20)

    starts = []
    monkeypatch.setattr(cv2, 'TrackerMIL_create', Failing)
    assert run_tracker(OpenCVBaseline('mil'), videos, tmp_path / 'run')['videos'] == 1
    left_out = json.loads((tmp_path / 'run/summary.json').read_text())['left_out']
    assert "tracker 'mil' fails on this video: OpenCV" in left_out['B']


@pytest.mark.parametrize('kind', ['missing', 'truncated', 'tracker', 'listed'])
def test_what_cannot_be_tracked_is_named_and_left_out(kind, videos, tmp_path):
    image, tracker, problems = videos[1].images[2], Drifter(), {}
    if kind == 'missing':
        image.unlink()
    elif kind == 'truncated':
        image.write_bytes(image.read_bytes()[:-40])
    elif kind == 'tracker':
        tracker = Drifter(fails_at=2)
    else:
        problems = {'B': f'{image} is odd'}
        videos = videos[:1]
    figures = run_tracker(tracker, videos, tmp_path / 'run', problems=problems)
    assert figures['videos'] == 1
    left_out = json.loads((tmp_path / 'run/summary.json').read_text())['left_out']
    assert list(left_out) == ['B']
    assert str(image) in left_out['B']
    assert 'left out B' in load_run(tmp_path / 'run').incomplete


def figures(value: float, videos: int = 3) -> dict[str, float]:
    """Figures of one tracker: mmtrack's are less by 1."""
    otb = {f'otb/{measure}': value for measure in MEASURES}
    return {**otb, **dict.fromkeys(MEASURES, value - 1), 'fps': 10.0, 'videos': videos}


def test_best_success_first(tmp_path: Path) -> None:
    both = {'kcf': figures(36.0, videos=2), 'tlpg': figures(70.5)}
    text = write_comparison(tmp_path / 'a.csv', both, 'otb', 3).splitlines()
    assert text[0] == 'convention otb, percent'
    assert text[2].split() == ['tlpg', '3/3', '70.50', '70.50', '70.50', '10.0']
    assert text[3].split() == ['kcf', '2/3', '36.00', '36.00', '36.00', '10.0']
    assert (tmp_path / 'a.csv').read_text().splitlines() == [
        'tracker,videos,of,otb success,otb precision,otb norm_precision,frames/s',
        'tlpg,3,3,70.500000,70.500000,70.500000,10.000000',
        'kcf,2,3,36.000000,36.000000,36.000000,10.000000',
    ]


def test_mmtracks_figures_have_no_prefix(tmp_path: Path) -> None:
    text = write_comparison(tmp_path / 'a.csv', {'tlpg': figures(70.5)}, 'mmtrack', 3)
    assert text.splitlines()[2].split()[2] == '69.50'
