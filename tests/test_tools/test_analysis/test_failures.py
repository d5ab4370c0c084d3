# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The worst sequences, and what is at fault in them."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from failures import (
    Diagnosis,
    diagnose,
    draw_failures,
    main,
    match_folder,
    worst_sequences,
    write_table,
)
from tlpg_tools.reports import Run, load_run
from written_runs import write_run, write_square_clips, write_square_run

from tlpg_mmtrack.evaluation.one_pass import CONVENTIONS, TrackedVideo
from tlpg_mmtrack.utils.errors import InputError

#: A box that is exactly right exceeds 20 of the 21 thresholds; the last is an overlap of 1.
ALL = 20 / 21
TRUTH = np.tile([50.0, 40.0, 20.0, 10.0], (9, 1))


def judge(
    change: tuple[float, ...],
    frames: slice = slice(1, None),
    truth: np.ndarray = TRUTH,
    visible: list[bool] | None = None,
) -> Diagnosis:
    """The diagnosis of boxes that differ from the truth by ``change`` in some frames."""
    boxes = TRUTH.copy()
    boxes[frames] += change
    video = TrackedVideo('a', boxes, truth, None if visible is None else np.array(visible))
    found = diagnose(video, CONVENTIONS['otb'])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        ((10, 0, 0, 0), 'place'),
        ((-10, -5, 20, 10), 'size'),
        ((0, 0, 20, 10), 'size'),
        ((5, 0, -5, 0), 'size'),
        ((0, 0, 0, 0), 'neither'),
    ],
)
def test_a_box_beside_the_target_is_misplaced_and_one_around_or_in_it_is_not(change, fault):
    found = judge(change)
    assert found.at_fault == fault
    assert found.true_size == (found.success if fault == 'place' else ALL)
    assert found.true_place == (found.success if fault == 'size' else ALL)


def test_both_at_fault() -> None:
    # 20 pixels too wide and 4 too far right: cut to the true width it is still off by 4, an
    # overlap of 16/24; around the true centre it overlaps by 20/40, which is not above a half.
    found = judge((4, 0, 20, 0))
    assert found.true_size == pytest.approx((20 + 8 * 14) / 9 / 21)
    assert found.true_place == pytest.approx((20 + 8 * 10) / 9 / 21)
    assert found.success == pytest.approx((20 + 8 * 8) / 9 / 21)  # 16/44


def test_sizes_by_thirds() -> None:
    found = judge((0, 0, 10, 20), frames=slice(3, 6))
    assert found.widths == [1.0, 1.5, 1.0]
    assert found.heights == [1.0, 3.0, 1.0]


def test_when_it_stays_bad_and_is_lost() -> None:
    assert judge((0, 0, 0, 0)).below_half_from is None
    assert judge((100, 0, 0, 0), frames=slice(2, 5)).below_half_from is None
    found = judge((100, 0, 0, 0), frames=slice(5, None))
    assert (found.below_half_from, found.lost) == (5, 4)
    # An overlap of a third is bad, not lost.
    assert judge((10, 0, 0, 0)).lost == 0


def test_hidden_frames_and_those_without_truth_decide_nothing() -> None:
    truth = TRUTH.copy()
    truth[6:8] = np.nan
    found = judge((100, 0, 0, 0), slice(5, None), truth, visible=[True] * 5 + [False] + [True] * 3)
    assert np.isnan(found.overlaps[5:8]).all()
    assert (found.below_half_from, found.lost) == (8, 1)
    truth[6:] = np.nan
    assert np.isnan(judge((0, 0, 0, 0), truth=truth).widths[2])


def test_nothing_to_judge() -> None:
    video = TrackedVideo('a', TRUTH, TRUTH, np.zeros(9, dtype=bool))
    assert diagnose(video, CONVENTIONS['otb']) is None


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run over the clips A (right), B (far off) and C (twice too wide) in clips/."""
    write_square_clips(tmp_path / 'clips', ('A', 'B', 'C'))
    changes = {'A': (0, 0, 0, 0), 'B': (40, 0, 0, 0), 'C': (0, 0, 20, 0)}
    write_square_run(tmp_path / 'run', changes)
    return load_run(tmp_path / 'run')


def test_the_worst_come_first(run: Run) -> None:
    assert [row.video.name for row in worst_sequences(run, 'otb', 2)] == ['B', 'C']
    assert [row.video.name for row in worst_sequences(run, 'otb', 9)] == ['B', 'C', 'A']


def test_the_table(run: Run, tmp_path: Path) -> None:
    text = write_table(tmp_path, worst_sequences(run, 'otb', 2), run, 'otb')
    header, *rows = list(csv.reader((tmp_path / 'failures.csv').open()))
    assert dict(zip(header, rows[0], strict=True)) == {
        'sequence': 'B',
        'frames': '4',
        'success': f'{ALL / 4:.6f}',
        'true_size': f'{ALL / 4:.6f}',
        'true_place': f'{ALL:.6f}',
        'at_fault': 'place',
        **{f'{side}_{third}': '1.000000' for side in ('width', 'height') for third in (1, 2, 3)},
        'below_half_from': '1',
        'lost': '3',
    }
    lines = text.splitlines()
    assert lines[4].startswith('| B | 4 | 23.8 | 23.8 | 95.2 | place | 1.00, 1.00, 1.00 |')
    # The first third is two frames, one of them the first; an overlap of a half is not below it.
    assert lines[5].endswith('| size | 1.50, 2.00, 2.00 | 1.00, 1.00, 1.00 | never | 0 |')
    assert len({line.count('|') for line in lines[2:]}) == 1


def test_the_picture_shows_both_boxes_where_they_are(run: Run, tmp_path: Path) -> None:
    rows = worst_sequences(run, 'otb', 2)
    path = tmp_path / 'failures.png'
    draw_failures(path, rows, match_folder(run, tmp_path / 'clips'))
    picture = cv2.imread(str(path)).astype(int)
    blue, green, red = np.moveaxis(picture, -1, 0)
    is_green = (green > 150) & (red < 120) & (blue < 120)
    is_orange = (red > 200) & (green > 90) & (green < 180) & (blue < 60)
    # The middle of B's last picture; its box is 40 pixels right of the target, 20 pixels wide.
    half, column = picture.shape[0] // 2, picture.shape[1] * 3 // 6
    last = (slice(half // 4, half), slice(column, column + picture.shape[1] // 6))
    xs = [np.flatnonzero(mask[last].any(axis=0)) for mask in (is_green, is_orange)]
    widths = [np.ptp(values) for values in xs]
    assert widths[0] == pytest.approx(widths[1], abs=3)
    assert xs[1].min() - xs[0].min() == pytest.approx(2 * widths[0], rel=0.1)
    # The white target fills the green box.
    ys, inside = np.flatnonzero(is_green[last].any(axis=1)), picture[last]
    middle = inside[int(ys.mean()), int(xs[0].mean())]
    assert middle.min() > 200


def test_a_frame_that_cannot_be_read_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / 'clips/B/img/0004.jpg').write_bytes(b'')
    with pytest.raises(ValueError, match=r'B/img/0004\.jpg cannot be read'):
        draw_failures(
            tmp_path / 'failures.png',
            worst_sequences(run, 'otb', 1),
            match_folder(run, tmp_path / 'clips'),
        )
    assert not (tmp_path / 'failures.png').exists()


def test_folders_that_do_not_fit_are_refused(run: Run, tmp_path: Path) -> None:
    write_square_clips(tmp_path / 'clips', ('D',))
    with pytest.raises(ValueError, match=r'run lacks 1 sequences of .*clips: D; finish its run'):
        match_folder(run, tmp_path / 'clips')
    write_square_clips(tmp_path / 'fewer', ('A',))
    with pytest.raises(ValueError, match=r"results of 'B', but .*fewer has no such sequence"):
        match_folder(run, tmp_path / 'fewer')
    write_square_clips(tmp_path / 'longer', ('A', 'B', 'C'), frames=5)
    with pytest.raises(ValueError, match="'A' has 4 frames in the results, 5 in the folder"):
        match_folder(run, tmp_path / 'longer')
    write_run(tmp_path / 'other', {'A': 0.0})
    with pytest.raises(ValueError, match="'A' has another ground truth"):
        match_folder(load_run(tmp_path / 'other'), tmp_path / 'fewer')
    with pytest.raises(InputError, match='run holds no video'):
        match_folder(run, tmp_path / 'run')


def test_a_sequence_that_cannot_be_read_is_explained(run: Run, tmp_path: Path) -> None:
    (tmp_path / 'clips/C/groundtruth_rect.txt').write_text('31,41,20,20\n')
    with pytest.raises(ValueError, match=r"results of 'C', but .*groundtruth_rect\.txt"):
        match_folder(run, tmp_path / 'clips')


def test_boxes_as_mmtrack_reads_them_fit(run: Run, tmp_path: Path) -> None:
    for video in run.videos.values():
        # mmtrack's OTB100Dataset leaves them 1-based.
        video.truth[:, :2] += 1
    assert set(match_folder(run, tmp_path / 'clips')) == {'A', 'B', 'C'}


def test_no_sequences_are_refused(run: Run) -> None:
    with pytest.raises(ValueError, match='count: must be at least 1, got 0'):
        worst_sequences(run, 'otb', 0)
    for video in run.videos.values():
        video.visible[:] = False
    with pytest.raises(ValueError, match="no frame counts by convention 'lasot'"):
        worst_sequences(run, 'lasot', 5)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_square_clips(tmp_path / 'clips', ('A', 'B'))
    write_square_run(tmp_path / 'run', {'A': (0, 0, 0, 0), 'B': (0, 0, 30, 0)})
    out = tmp_path / 'deep' / 'out'
    arguments = [str(tmp_path / 'run'), '--data', str(tmp_path / 'clips'), '--out', str(out)]
    assert main([*arguments, '--count', '1']) == 0
    printed = capsys.readouterr().out
    assert 'run: the 1 worst of 2 sequences' in printed
    assert printed.splitlines()[-1].startswith('| B | 4 |')
    assert printed == (out / 'failures.md').read_text()
    assert {path.name for path in out.iterdir()} == {
        f'failures.{kind}' for kind in ('csv', 'md', 'png')
    }
    assert main([*arguments, '--count', '0']) == 2
    assert 'count: must be at least 1, got 0' in capsys.readouterr().err
    (tmp_path / 'run/videos/A.json').unlink()
    assert main(arguments) == 2
    assert 'lacks 1 sequences' in capsys.readouterr().err
