# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""One-pass measures: by hand, against published figures, the got10k package, and mmtrack's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmtrack.evaluation import eval_sot_ope

from tlpg_mmtrack.evaluation.one_pass import (
    CONVENTIONS,
    Convention,
    TrackedVideo,
    score_video,
    score_videos,
)
from tlpg_mmtrack.utils.boxes import box_overlaps

#: Of four frames the tracker is right in two; the target is hidden in the third, which it misses.
BY_HAND = TrackedVideo(
    name='by hand',
    boxes=np.array([[1, 0, 10, 10], [0, 0, 10, 10], [80, 0, 10, 10], [0, 0, 10, 6]], dtype=float),
    truth=np.array([[0, 0, 10, 10]] * 4, dtype=float),
    visible=np.array([True, True, False, True]),
    size=(100, 100),
)
CORNER = np.array([1.0, 1.0, 0.0, 0.0])


def test_every_frame_counts_in_otb_and_the_first_is_the_truth() -> None:
    scores = score_video(BY_HAND, CONVENTIONS['otb'])
    assert scores.average_overlap == pytest.approx((1 + 1 + 0 + 0.6) / 4)
    # Above 0, 0.05, ... 0.95 but not above 1; 0.6 is above 12 of the 21 thresholds.
    assert scores.success == pytest.approx((20 + 20 + 0 + 12) / 21 / 4)
    assert scores.success_50 == 0.75
    assert scores.success_75 == 0.5
    assert scores.precision == 0.75
    assert scores.norm_precision == 0.75


def test_visible_frames_count_in_lasot_as_a_share_of_all() -> None:
    # The truth begins at 0, which the toolkit takes for no truth: moved by a pixel.
    video = replace(BY_HAND, boxes=BY_HAND.boxes + CORNER, truth=BY_HAND.truth + CORNER)
    scores = score_video(video, CONVENTIONS['lasot'])
    assert scores.average_overlap == pytest.approx((1 + 1 + 0.6) / 4)
    assert scores.success == pytest.approx((20 + 20 + 12) / 21 / 4)
    assert scores.precision == 0.75
    # An error of 0.2 sizes is within 0.2.
    assert scores.norm_precision == 0.75
    assert scores.norm_precision_auc == pytest.approx((51 + 51 + 31) / 51 / 4)


def test_got10k_skips_the_first_frame_and_pools_all_videos() -> None:
    longer = replace(BY_HAND, boxes=BY_HAND.truth.repeat(2, axis=0), visible=None)
    longer = replace(longer, truth=longer.boxes)
    scores = score_videos([BY_HAND, longer], CONVENTIONS['got10k'])
    assert scores.average_overlap == pytest.approx((1 + 0.6 + 7) / 9)
    assert scores.success_75 == pytest.approx(8 / 9)


def test_an_overlap_at_the_threshold_is_no_success_and_an_error_at_it_is_precise() -> None:
    truth = np.array([[0, 0, 100, 10]] * 2, dtype=float)
    boxes = np.array([[0, 0, 100, 10], [20, 0, 60, 10]], dtype=float)
    boxes[1] = (0, 0, 50, 10)
    scores = score_video(TrackedVideo('v', boxes, truth), replace_first(CONVENTIONS['otb']))
    assert scores.success_50 == 0.0
    boxes[1] = (20, 0, 100, 10)
    scores = score_video(TrackedVideo('v', boxes, truth), replace_first(CONVENTIONS['otb']))
    assert scores.precision == 1.0


def replace_first(convention: Convention) -> Convention:
    """The same convention without the first frame."""
    return replace(convention, first_counts=False)


def test_a_frame_without_truth_is_a_failure_where_every_frame_counts() -> None:
    truth = BY_HAND.truth.copy()
    truth[1] = np.nan
    truth[3, 2] = 0
    scores = score_video(replace(BY_HAND, truth=truth), CONVENTIONS['otb'])
    assert scores.average_overlap == 0.25
    assert scores.precision == 0.25


def test_a_video_without_a_frame_that_counts_is_left_out() -> None:
    hidden = replace(BY_HAND, visible=np.zeros(4, dtype=bool))
    assert score_video(hidden, CONVENTIONS['lasot']) is None
    together = score_videos([BY_HAND, hidden], CONVENTIONS['lasot'])
    assert together.success == score_video(BY_HAND, CONVENTIONS['lasot']).success
    with pytest.raises(ValueError, match='no frame counts'):
        score_videos([hidden], CONVENTIONS['lasot'])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(boxes=BY_HAND.boxes[:3]), r"'by hand': tracked boxes \(3, 4\)"),
        (
            dict(boxes=BY_HAND.boxes * np.array([1, 1, np.nan, 1])),
            '4 frames, first of 0',
        ),
    ],
)
def test_refuses_what_cannot_be_compared(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_video(replace(BY_HAND, **change), CONVENTIONS['got10k'])


def test_inputs_stay_as_they_are() -> None:
    boxes = BY_HAND.boxes.copy()
    for convention in CONVENTIONS.values():
        score_video(BY_HAND, convention)
    assert np.array_equal(BY_HAND.boxes, boxes)


# --- the published result ---------------------------------------------------------------------


@pytest.fixture(scope='module')
def struck(reference_data: Path) -> list[TrackedVideo]:
    """STRUCK's boxes on OTB-100, and the truth."""
    folder = reference_data / 'otb100'
    return [
        TrackedVideo(
            name=path.stem,
            boxes=np.loadtxt(path, delimiter=','),
            truth=np.loadtxt(folder / 'groundtruth' / path.name, delimiter=','),
        )
        for path in sorted((folder / 'results' / 'STRUCK').glob('*.txt'))
    ]


def test_success_of_struck_is_as_published(struck, reference_data):
    published = json.loads((reference_data / 'published.json').read_text())
    assert len(struck) == 100
    success = score_videos(struck, CONVENTIONS['otb']).success
    assert f'{success:.4f}' == f'{published["otb100"]["STRUCK"]["AUC"]:.4f}'


# --- the got10k package -----------------------------------------------------------------------


def wandering_videos(count: int = 6, frames: int = 40) -> list[TrackedVideo]:
    """Videos with boxes beside the truth, outside the image, and hidden targets."""
    generator = np.random.default_rng(7)
    videos = []
    for index in range(count):
        truth = np.column_stack(
            (generator.uniform(-20, 180, (frames, 2)), generator.uniform(5, 60, (frames, 2)))
        )
        boxes = truth + generator.normal(0, 8, truth.shape)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
        visible = generator.random(frames) > 0.2
        videos.append(TrackedVideo(f'video{index}', boxes, truth, visible, (200, 150)))
    return videos


def package_scores(experiment: str, videos: list[TrackedVideo], folder: Path) -> dict:
    """What the package's own `report` says of boxes that it reads from files."""
    experiments = pytest.importorskip(
        'got10k.experiments', reason='the got10k package is not installed (pip install got10k)'
    )
    kind = getattr(experiments, experiment)
    judge = kind.__new__(kind)
    judge.result_dir, judge.report_dir = str(folder / 'results'), str(folder / 'reports')
    judge.subset, judge.nbins_iou, judge.nbins_ce = 'val', 21, 51
    judge.plot_curves = lambda *args: None
    judge.dataset = package_dataset(experiment, videos)
    for video in videos:
        name = f'{video.name}/{video.name}_001.txt' if 'GOT' in experiment else f'{video.name}.txt'
        path = folder / 'results' / 'tracker' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(path, video.boxes, delimiter=',', fmt='%.17g')
        if 'GOT' in experiment:
            np.savetxt(path.with_name(f'{video.name}_time.txt'), np.ones(len(video.boxes)))
    return judge.report(['tracker'])['tracker']['overall']


def package_dataset(experiment: str, videos: list[TrackedVideo]) -> object:
    """The truth as the package's dataset classes return it."""
    items = []
    for video in videos:
        # The package limits the boxes in place: it gets a copy.
        item = (None, video.truth.copy())
        if 'GOT' in experiment:
            item += (dict(cover=video.visible.astype(int), resolution=str(video.size)),)
        items.append(item)
    names = [video.name for video in videos]

    class Dataset:
        seq_names = names

        def __len__(self) -> int:
            return len(items)

        def __getitem__(self, key: int | str) -> tuple:
            return items[names.index(key) if isinstance(key, str) else key]

    return Dataset()


def test_agrees_with_the_got10k_package_on_otb(tmp_path: Path) -> None:
    videos = wandering_videos()
    theirs = package_scores('ExperimentOTB', videos, tmp_path)
    ours = score_videos(videos, CONVENTIONS['otb'])
    assert ours.success == pytest.approx(theirs['success_score'], abs=1e-6)
    assert ours.success_50 == pytest.approx(theirs['success_rate'], abs=1e-6)
    assert ours.precision == pytest.approx(theirs['precision_score'], abs=1e-6)
    assert ours.success_curve == pytest.approx(theirs['success_curve'], abs=1e-6)
    assert ours.precision_curve == pytest.approx(theirs['precision_curve'], abs=1e-6)


def test_agrees_with_the_got10k_package_on_got10k(tmp_path: Path) -> None:
    videos = wandering_videos()
    theirs = package_scores('ExperimentGOT10k', videos, tmp_path)
    ours = score_videos(videos, CONVENTIONS['got10k'])
    assert ours.average_overlap == pytest.approx(theirs['ao'], abs=1e-6)
    assert ours.success_50 == pytest.approx(theirs['sr'], abs=1e-6)
    assert ours.success_curve == pytest.approx(theirs['succ_curve'], abs=1e-6)


# --- LaSOT's own toolkit ----------------------------------------------------------------------


def lasot_by_definition(video: TrackedVideo) -> dict[str, float]:
    """One video's figures, frame by frame and threshold by threshold, as LaSOT defines them.

    The toolkit is a program for Matlab: it puts the true box in the first frame, leaves hidden
    frames out, takes a frame whose true box has a number that is not positive for an overlap and
    an error of -1, and divides by the number of the video's frames.
    """
    overlaps, errors, normalised = [], [], []
    for index, (x, y, width, height) in enumerate(video.truth.tolist()):
        u, v, w, h = video.truth[0].tolist() if index == 0 else video.boxes[index].tolist()
        if not video.visible[index]:
            continue
        if min(x, y, width, height) <= 0:
            for values in (overlaps, errors, normalised):
                values.append(-1.0)
            continue
        across = max(0.0, min(x + width, u + w) - max(x, u))
        down = max(0.0, min(y + height, v + h) - max(y, v))
        overlaps.append(across * down / (width * height + w * h - across * down))
        dx = (u + (w - 1) / 2) - (x + (width - 1) / 2)
        dy = (v + (h - 1) / 2) - (y + (height - 1) / 2)
        errors.append(np.hypot(dx, dy))
        normalised.append(np.hypot(dx / width, dy / height))
    frames = len(video.truth)
    success = [sum(o > k / 20 for o in overlaps) / frames for k in range(21)]
    precision = [sum(e <= k for e in errors) / frames for k in range(51)]
    norm_precision = [sum(e <= k / 100 for e in normalised) / frames for k in range(51)]
    return dict(
        success=sum(success) / 21,
        precision=precision[20],
        norm_precision=norm_precision[20],
        norm_precision_auc=sum(norm_precision) / 51,
    )


def test_lasot_is_as_defined() -> None:
    videos = wandering_videos()
    assert any((video.truth[video.visible] <= 0).any() for video in videos), 'the odd case'
    defined = [lasot_by_definition(video) for video in videos]
    scores = score_videos(videos, CONVENTIONS['lasot'])
    for name in defined[0]:
        mean = np.mean([figures[name] for figures in defined])
        assert getattr(scores, name) == pytest.approx(mean, abs=1e-12), name


# --- mmtrack's own ----------------------------------------------------------------------------


def mmtrack_scores(videos: list[TrackedVideo], visible_only: bool) -> SimpleNamespace:
    """What mmtrack's function says, 0..100."""

    def to_corners(boxes: np.ndarray) -> np.ndarray:
        return np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)

    return SimpleNamespace(
        **eval_sot_ope(
            [list(to_corners(video.boxes)) for video in videos],
            [to_corners(video.truth) for video in videos],
            [video.visible for video in videos] if visible_only else None,
        )
    )


def test_agrees_with_mmtrack_where_every_truth_is_usable_and_inside_the_image() -> None:
    videos = [replace(video, truth=np.abs(video.truth)) for video in wandering_videos()]
    for video in videos:
        video.boxes[0] = video.truth[0]
    theirs = mmtrack_scores(videos, visible_only=False)
    ours = score_videos(videos, CONVENTIONS['otb'])
    assert 100 * ours.success == pytest.approx(theirs.success, abs=1e-4)
    assert 100 * ours.precision == pytest.approx(theirs.precision, abs=1e-4)
    assert 100 * ours.norm_precision == pytest.approx(theirs.norm_precision, abs=1e-4)


def test_lasot_agrees_with_mmtrack_where_every_truth_is_usable() -> None:
    """mmtrack's option only_eval_visible; both divide by the number of all frames."""
    videos = [replace(video, truth=np.abs(video.truth) + CORNER) for video in wandering_videos()]
    for video in videos:
        video.boxes[0] = video.truth[0]
    theirs = mmtrack_scores(videos, visible_only=True)
    ours = score_videos(videos, CONVENTIONS['lasot'])
    assert not all(video.visible.all() for video in videos)
    assert 100 * ours.success == pytest.approx(theirs.success, abs=1e-4)
    assert 100 * ours.precision == pytest.approx(theirs.precision, abs=1e-4)
    assert 100 * ours.norm_precision == pytest.approx(theirs.norm_precision, abs=1e-4)


def test_mmtrack_takes_a_center_at_or_left_of_zero_for_a_hit() -> None:
    truth = np.array([[0, 0, 10, 10], [-30, 20, 10, 10]], dtype=float)
    boxes = np.array([[0, 0, 10, 10], [150, 20, 10, 10]], dtype=float)
    video = TrackedVideo('v', boxes, truth)
    assert mmtrack_scores([video], visible_only=False).precision == 100.0
    assert score_video(video, CONVENTIONS['otb']).precision == 0.5


BOX = np.array([[10.0, 20.0, 4.0, 8.0]])


@pytest.mark.parametrize(
    ('other', 'overlap'),
    [
        ((12, 24, 4, 8), 8 / 56),
        ((14, 20, 4, 8), 0.0),
        ((11, 22, -2, 4), 0.0),
        ((np.nan, 22, 2, 4), 0.0),
    ],
)
def test_overlap(other: tuple[float, ...], overlap: float) -> None:
    assert box_overlaps(np.array([other], dtype=float), BOX) == pytest.approx([overlap])


def test_two_empty_boxes_do_not_overlap() -> None:
    empty = np.array([[5.0, 5.0, 0.0, 0.0]])
    assert box_overlaps(empty, empty) == [0.0]
