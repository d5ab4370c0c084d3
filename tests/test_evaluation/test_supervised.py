# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""VOT's measures: by hand, and against the published figures of two trackers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mmtrack.evaluation import eval_sot_accuracy_robustness, eval_sot_eao

from tlpg_mmtrack.compat.vot import pixel_overlaps, region_overlaps, to_region
from tlpg_mmtrack.evaluation.results import VideoResult
from tlpg_mmtrack.evaluation.supervised import expected_average_overlap, score_runs, split
from tlpg_mmtrack.utils.errors import InputError

START, FAIL, SKIP, TRACKED = 1, 2, 0, -1


def test_split_at_starts_failures_and_the_end() -> None:
    codes = np.array([START, TRACKED, TRACKED, FAIL, *[SKIP] * 4, START, TRACKED, START, TRACKED])
    overlaps = np.where(codes == TRACKED, np.arange(len(codes)) / 100, np.nan)
    # Two starts in a row: the first of them ends where the second begins.
    parts = split(np.append(codes, [TRACKED] * 5), np.append(overlaps, [0.2] * 5))
    assert [part.tolist() for part, _ in parts] == [[0.01, 0.02], [0.09], [0.11, *[0.2] * 5]]
    assert [failed for _, failed in parts] == [True, True, False]


@pytest.mark.parametrize(('frames_left', 'counts'), [(4, False), (5, True)])
def test_a_failure_without_a_frame_to_start_again_from(frames_left: int, counts: bool) -> None:
    codes = np.array([START, TRACKED, TRACKED, FAIL, *[SKIP] * frames_left])
    overlaps = np.where(codes == TRACKED, 0.5, np.nan)
    ((part, failed),) = split(codes, overlaps)
    assert failed == counts
    # One that does not count has overlapped nothing until the end.
    assert part.tolist() == [0.5, 0.5] + [0.0] * (0 if counts else frames_left + 1)


def test_expected_overlap_by_hand() -> None:
    failed, reached_the_end = (np.array([0.8, 0.4]), True), (np.array([1.0, 0.5, 0.6]), False)
    # With the start 2 to 5 frames; the second fragment says nothing about the last.
    curve = [(0.8 + 1.0) / 2, (1.2 / 2 + 1.5 / 2) / 2, (1.2 / 3 + 2.1 / 3) / 2, 1.2 / 4]
    parts = [failed, reached_the_end]
    assert expected_average_overlap(parts, 2, 5) == pytest.approx(np.mean(curve))


def make_run(regions: list, truth: tuple = (0.0, 0.0, 9.0, 9.0)) -> VideoResult:
    """A run of which every true region is the same; boxes are (x1, y1, x2, y2)."""
    return VideoResult('clip', (50, 50), regions, [truth] * len(regions), [], [])


def test_accuracy_leaves_out_ten_frames_from_each_start() -> None:
    # Pixels: 5 and 10 of 10 columns.
    half, whole = (0, 0, 4, 9), (0, 0, 9, 9)
    first = [[START], *[whole] * 9, half, whole, [FAIL], *[[SKIP]] * 4]
    assert score_runs([make_run([*first, [START], *[half] * 9])], 'vot2018')['accuracy'] == 0.75


def test_robustness_is_failures_for_every_hundred_frames() -> None:
    box = (0, 0, 9, 9)
    first = make_run([[START], *[box] * 9])
    second = make_run([[START], box, [FAIL], *[[SKIP]] * 4, [START], *[box] * 22])
    scores = score_runs([first, second], 'vot2018')
    assert scores['failures'] == 1
    assert scores['robustness'] == pytest.approx(100 / 40)
    # The first video has no frame beyond the burn-in, and is 10 of 40 frames.
    assert scores['accuracy'] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ('run', 'message'),
    [
        (make_run([[START], (0, 0, np.nan, 9)]), "'clip', frame 1: a region is not finite"),
        (replace(make_run([[START]]), truth=[]), '1 frames of results for 0'),
        (make_run([[START], (0, 0, 9, 9)]), 'none is 100 frames long'),
    ],
)
def test_refuses_malformed_and_short_runs(run: VideoResult, message: str) -> None:
    with pytest.raises(InputError, match=message):
        score_runs([run], 'vot2018')


# --- published results ------------------------------------------------------------------------


@pytest.fixture(scope='module')
def published_runs(reference_data: Path) -> dict[str, list[VideoResult]]:
    """Supervised runs over VOT2018's 60 videos, by tracker."""
    folder = reference_data / 'vot2018'
    truth = json.loads((folder / 'groundtruth.json').read_text())
    return {
        tracker.name: [
            VideoResult(
                name,
                (video['width'], video['height']),
                [
                    with_far_corner([float(number) for number in line.split(',')])
                    for line in (tracker / f'{name}.txt').read_text().split()
                ],
                [with_far_corner(region) for region in video['gt_rect']],
                [],
                [],
            )
            for name, video in truth.items()
        ]
        for tracker in sorted((folder / 'results').iterdir())
    }


@pytest.mark.parametrize('tracker', ['NanoTrackV1', 'NanoTrackV3'])
def test_expected_overlap_is_as_published(tracker, published_runs, reference_data):
    published = json.loads((reference_data / 'published.json').read_text())
    runs = published_runs[tracker]
    assert len(runs) == 60
    scores = score_runs(runs, 'vot2018')
    assert f'{scores["eao"]:.3f}' == f'{published["vot2018"][tracker]["EAO"]:.3f}'


def test_published_trackers_overlap_the_truth_where_they_did_not_fail(published_runs):
    """The trackers were reset by the same rule: counted in pixels, no other frame is a failure."""
    for runs in published_runs.values():
        for run in runs:
            tracked = np.array([len(region) > 1 for region in run.regions])
            regions, truth = ([*map(to_region, part)] for part in (run.regions, run.truth))
            overlaps = np.array(region_overlaps(regions, truth, run.size))
            assert (overlaps[tracked] > 0).all(), run.name


def test_agrees_with_mmtracks_own_evaluation(published_runs):
    runs = published_runs['NanoTrackV1'][:20]
    results = [[np.array(region) for region in run.regions] for run in runs]
    truth = [[np.array(region) for region in run.truth] for run in runs]
    sizes = [run.size for run in runs]
    ours = score_runs(runs, 'vot2018')
    theirs = eval_sot_accuracy_robustness(results, truth, videos_wh=sizes)
    assert ours['accuracy'] == pytest.approx(theirs['accuracy'], abs=1e-9)
    assert ours['robustness'] == pytest.approx(theirs['robustness'], abs=1e-9)
    # It counts lengths without the start, and failures near the end.
    eao = eval_sot_eao(results, truth, interval=[100, 356], videos_wh=sizes)['eao']
    assert ours['eao'] == pytest.approx(eao, abs=5e-3)


def with_far_corner(region: list[float]) -> list[float]:
    """(x, y, w, h) as (x1, y1, x2, y2); other regions as they are."""
    if len(region) != 4:
        return region
    x, y, width, height = region
    return [x, y, x + width, y + height]


#: A square of side 10 and its own diamond, whose corners are the middles of the square's sides.
SQUARE = np.array([10.0, 20.0, 20.0, 30.0])
DIAMOND = np.array([15.0, 20.0, 20.0, 25.0, 15.0, 30.0, 10.0, 25.0])


def corners(boxes: np.ndarray) -> np.ndarray:
    """(n, 4, 2) corners of boxes (x1, y1, x2, y2), or of quadrilaterals."""
    return np.stack([to_region(box) for box in boxes])


def test_corners_of_boxes_and_quadrilaterals() -> None:
    result = corners([SQUARE, DIAMOND])
    assert result[0].tolist() == [[10, 20], [20, 20], [20, 30], [10, 30]]
    assert result[1].tolist() == DIAMOND.reshape(4, 2).tolist()


def covered(region: np.ndarray, size: tuple[int, int]) -> set[tuple[int, int]]:
    """Pixels of a region, found one by one from what the docstring says."""
    points = np.floor(corners([region])[0])
    pixels = set()
    for row in range(size[1]):
        crossings = []
        for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if min(y1, y2) <= row <= max(y1, y2):
                crossings += [x1, x2] if y1 == y2 else [x1 + (row - y1) / (y2 - y1) * (x2 - x1)]
        if crossings:
            first, last = int(np.floor(min(crossings))), int(np.floor(max(crossings)))
            pixels |= {(x, row) for x in range(max(first, 0), min(last, size[0] - 1) + 1)}
    return pixels


def test_pixel_overlaps_count_pixels() -> None:
    generator = np.random.default_rng(3)
    size = (60, 45)
    places = generator.uniform(-10, 50, (40, 2))
    boxes = np.column_stack((places, places + generator.uniform(0, 20, (40, 2))))
    angles = np.sort(generator.uniform(0, 2 * np.pi, (40, 4)), axis=1)
    circle = np.stack((np.cos(angles), np.sin(angles)), axis=-1)
    quads = (places[:, None] + 6 + 14 * circle).reshape(40, 8)
    expected = []
    for box, quad in zip(boxes, quads, strict=True):
        first, second = covered(box, size), covered(quad, size)
        union = len(first | second)
        expected.append(len(first & second) / union if union else 0.0)
    assert pixel_overlaps(corners(boxes), corners(quads), size) == pytest.approx(expected)
    assert np.count_nonzero(expected) > 10


def test_pixel_overlap_includes_both_borders() -> None:
    first, second = corners([[10.2, 5.0, 12.6, 5.5]]), corners([[12.9, 5.7, 13.9, 5.9]])
    # 10, 11, 12 and 12, 13 in the one row 5.
    assert pixel_overlaps(first, second, (100, 100)) == pytest.approx([1 / 4])


def test_pixels_outside_the_image_do_not_count() -> None:
    inside, beyond = corners([SQUARE]), corners([SQUARE + np.array([0, 0, 7, 0])])
    assert pixel_overlaps(inside, beyond, (21, 40)) == [1.0]
    assert pixel_overlaps(inside + 500, beyond + 500, (21, 40)) == [0.0]
    assert pixel_overlaps(inside, beyond) == pytest.approx([11 / 18])
    assert pixel_overlaps(inside[:0], beyond[:0], (21, 40)).shape == (0,)
