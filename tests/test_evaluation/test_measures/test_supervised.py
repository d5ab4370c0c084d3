# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""VOT's measures: by hand, and against the published figures of two trackers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mmtrack.evaluation import eval_sot_accuracy_robustness, eval_sot_eao

from tlpg_mmtrack.evaluation.measures import (
    SUPERVISED_CONVENTIONS,
    SupervisedConvention,
    SupervisedRun,
    get_supervised_convention,
    score_runs,
)
from tlpg_mmtrack.evaluation.measures.supervised import (
    Fragment,
    expected_average_overlap,
    frame_codes,
    frame_overlaps,
    split,
    video_accuracy,
)

START, FAIL, SKIP, TRACKED = 1, 2, 0, -1
AFTER = SupervisedConvention(1, 4, start_counts=False, late_failure_counts=True)


def test_split_at_starts_failures_and_the_end() -> None:
    codes = np.array([START, TRACKED, TRACKED, FAIL, *[SKIP] * 4, START, TRACKED, START, TRACKED])
    overlaps = np.where(codes == TRACKED, np.arange(len(codes)) / 100, np.nan)
    # Two starts in a row: the first of them ends where the second begins.
    parts = split(codes, overlaps, late_failure_counts=True)
    assert [part.overlaps.tolist() for part in parts] == [[0.01, 0.02], [0.09], [0.11]]
    assert [part.failed for part in parts] == [True, True, False]


@pytest.mark.parametrize(('frames_left', 'counts'), [(4, False), (5, True)])
def test_a_failure_without_a_frame_to_start_again_from(frames_left: int, counts: bool) -> None:
    codes = np.array([START, TRACKED, TRACKED, FAIL, *[SKIP] * frames_left])
    overlaps = np.where(codes == TRACKED, 0.5, np.nan)
    (part,) = split(codes, overlaps, late_failure_counts=False)
    assert part.failed == counts
    # One that does not count has overlapped nothing until the end.
    assert part.overlaps.tolist() == [0.5, 0.5] + [0.0] * (0 if counts else frames_left + 1)


def test_expected_overlap_by_hand() -> None:
    failed = Fragment(np.array([0.8, 0.4]), failed=True)
    reached_the_end = Fragment(np.array([1.0, 0.5, 0.6]), failed=False)
    # Lengths 1 to 4; the second fragment says nothing about the last.
    curve = [(0.8 + 1.0) / 2, (1.2 / 2 + 1.5 / 2) / 2, (1.2 / 3 + 2.1 / 3) / 2, 1.2 / 4]
    parts = [failed, reached_the_end]
    assert expected_average_overlap(parts, AFTER) == pytest.approx(np.mean(curve))
    with_start = replace(AFTER, low=2, high=5, start_counts=True)
    assert expected_average_overlap(parts, with_start) == pytest.approx(np.mean(curve))


def test_expected_overlap_needs_a_run_long_enough() -> None:
    short = Fragment(np.ones(3), failed=False)
    with pytest.raises(ValueError, match='none is 100 frames long'):
        expected_average_overlap([short], SUPERVISED_CONVENTIONS['vot2018'])


def test_accuracy_leaves_out_ten_frames_from_each_start() -> None:
    codes = np.array([START, *[TRACKED] * 11, FAIL, *[SKIP] * 4, START, *[TRACKED] * 9])
    overlaps = np.where(codes == TRACKED, 0.1, np.nan)
    overlaps[[10, 11]] = 0.6, 0.8
    assert video_accuracy(codes, overlaps) == pytest.approx(0.7)
    assert video_accuracy(codes[12:], overlaps[12:]) == 0.0


def make_run(regions: list, truth: tuple = (0.0, 0.0, 9.0, 9.0)) -> SupervisedRun:
    """A run of which every true region is the same."""
    regions = [np.asarray(region, dtype=float) for region in regions]
    return SupervisedRun('clip', regions, [np.array(truth)] * len(regions), (50, 50))


def test_robustness_is_failures_for_every_hundred_frames() -> None:
    box = (0, 0, 9, 9)
    first = make_run([[START], *[box] * 9])
    second = make_run([[START], box, [FAIL], *[[SKIP]] * 4, [START], *[box] * 22])
    scores = score_runs([first, second], replace(AFTER, high=2))
    assert scores.failures == 1
    assert scores.robustness == pytest.approx(100 / 40)
    # The first video has no frame beyond the burn-in, and is 10 of 40 frames.
    assert scores.accuracy == pytest.approx(0.75)


@pytest.mark.parametrize(
    ('run', 'message'),
    [
        (make_run([(0, 0, 9, 9), (0, 0, 9, 9)]), "'clip': the first frame must be 1"),
        (make_run([[START], [3]]), 'frame 1 is 3.0; a single number must be'),
        (make_run([[START], (0, 0, np.nan, 9)]), "'clip', among its tracked frames: region 0"),
        (replace(make_run([[START]]), truth=[]), '1 frames of results for 0'),
    ],
)
def test_refuses_malformed_runs(run: SupervisedRun, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_runs([run], AFTER)


def test_refuses_nothing_and_unknown_names() -> None:
    with pytest.raises(ValueError, match='there are none'):
        score_runs([], AFTER)
    with pytest.raises(ValueError, match=r"got 'vot2017'"):
        get_supervised_convention('vot2017')


# --- published results ------------------------------------------------------------------------


@pytest.fixture(scope='module')
def published_runs(reference_data: Path) -> dict[str, list[SupervisedRun]]:
    """Supervised runs over VOT2018's 60 videos, by tracker."""
    folder = reference_data / 'vot2018'
    truth = json.loads((folder / 'groundtruth.json').read_text())
    return {
        tracker.name: [
            SupervisedRun(
                name,
                [
                    np.array(line.split(','), dtype=float)
                    for line in (tracker / f'{name}.txt').read_text().split()
                ],
                video['gt_rect'],
                (video['width'], video['height']),
            )
            for name, video in truth.items()
        ]
        for tracker in sorted((folder / 'results').iterdir())
    }


@pytest.mark.parametrize('tracker', ['NanoTrackV1', 'NanoTrackV3'])
def test_expected_overlap_is_as_published(
    tracker: str, published_runs: dict[str, list[SupervisedRun]], reference_data: Path
) -> None:
    published = json.loads((reference_data / 'published.json').read_text())
    runs = published_runs[tracker]
    assert len(runs) == 60
    scores = score_runs(runs, SUPERVISED_CONVENTIONS['vot2018'])
    assert f'{scores.eao:.3f}' == f'{published["vot2018"][tracker]["EAO"]:.3f}'


def test_published_trackers_overlap_the_truth_where_they_did_not_fail(
    published_runs: dict[str, list[SupervisedRun]],
) -> None:
    """The trackers were reset by the same rule: counted in pixels, no other frame is a failure."""
    nearly_touching = 0
    for runs in published_runs.values():
        for run in runs:
            codes = frame_codes(run)
            assert (frame_overlaps(run, codes, 'pixels')[codes == TRACKED] > 0).all(), run.name
            if run.name in ('book', 'dinosaur', 'fish2'):
                exact = frame_overlaps(run, codes, 'polygons')[codes == TRACKED]
                nearly_touching += int((exact <= 0).sum())
    # So the authors counted pixels: in three frames the exact regions do not overlap.
    assert nearly_touching == 3


def test_agrees_with_mmtracks_own_evaluation(
    published_runs: dict[str, list[SupervisedRun]],
) -> None:
    runs = published_runs['NanoTrackV1'][:20]
    # mmtrack's regions: (x1, y1, x2, y2), or one number.
    results = [
        [
            region if len(region) == 1 else np.concatenate((region[:2], region[:2] + region[2:]))
            for region in run.regions
        ]
        for run in runs
    ]
    truth = [
        [box_to_corners(region) if len(region) == 4 else np.array(region) for region in run.truth]
        for run in runs
    ]
    sizes = [run.size for run in runs]
    ours = score_runs(runs, SUPERVISED_CONVENTIONS['vot2018-mmtrack'])
    theirs = eval_sot_accuracy_robustness(results, truth, videos_wh=sizes)
    assert ours.accuracy == pytest.approx(theirs['accuracy'], abs=1e-9)
    assert ours.robustness == pytest.approx(theirs['robustness'], abs=1e-9)
    eao = eval_sot_eao(results, truth, interval=[100, 356], videos_wh=sizes)['eao']
    # It sums in float32.
    assert ours.eao == pytest.approx(eao, abs=1e-5)


def box_to_corners(region: list[float]) -> np.ndarray:
    """(x, y, w, h) to (x1, y1, x2, y2)."""
    x, y, width, height = region
    return np.array([x, y, x + width, y + height])
