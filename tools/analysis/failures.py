# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Say of a run's worst sequences whether the place or the size of the box is at fault.

Writes into OUT: failures.csv and failures.md, the table that is printed, and failures.png, frames
of each sequence with truth and box. Nothing is tracked. docs/failures.md explains the columns.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from tlpg_tools.command_line import add_convention, command, describe
from tlpg_tools.reports import (
    Run,
    load_run,
    new_figure,
    report_incomplete,
    save_figure,
    shorten,
    write_csv,
)

from tlpg_mmtrack.evaluation.one_pass import (
    CONVENTIONS,
    Convention,
    TrackedVideo,
    score_video,
)
from tlpg_mmtrack.utils.atomic_write import write_text
from tlpg_mmtrack.utils.boxes import box_overlaps, usable
from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    from tlpg_mmtrack.datasets.video_folder import FolderVideo

TRUTH_COLOUR, TRACKER_COLOUR = 'limegreen', 'darkorange'
_HALF = 0.5
_THIRDS = 3
_PICTURES = 6
_PICTURE_INCHES = 1.7
_PICTURE_PIXELS = 200
#: Of the picture's side, how much the boxes fill, and the least side in pixels of the frame.
_FILLED, _LEAST_SIDE = 0.6, 24.0
#: Results of mmtrack's OTB100Dataset, and of one_based=False, are a pixel off.
_TRUTH_TOLERANCE = 1.0


@dataclass(frozen=True)
class Diagnosis:
    """What happened in one sequence. Frames are counted from 0."""

    video: TrackedVideo  #: The sequence.
    #: (n,) IoU with the truth; NaN where the target is hidden or has no true box.
    overlaps: np.ndarray
    success: float  #: AUC, 0..1.
    #: AUC if each box were cut, or extended, to the true size on the sides that suit best. What is
    #: then missing is the fault of the place.
    true_size: float
    #: AUC if each box had its own size around the true centre. What is then missing is the fault
    #: of the size.
    true_place: float
    #: Median of tracked to true width in each third of the sequence; NaN in a third without a true
    #: box.
    widths: list[float]
    heights: list[float]  #: The same of heights.
    #: First frame from which the IoU stays below a half to the end; None if it does not.
    below_half_from: int | None
    lost: int  #: Number of frames in which box and target do not touch.

    @property
    def at_fault(self) -> str:
        """What costs more: 'place' or 'size'; 'neither' where they cost the same."""
        if self.true_size == self.true_place:
            return 'neither'
        return 'place' if self.true_size < self.true_place else 'size'


def worst_sequences(run: Run, convention: str, count: int) -> list[Diagnosis]:
    """So many sequences of lowest success, worst first; those of which no frame counts left out.

    Raises:
        InputError: If the convention is unknown, or there is to be no sequence.
    """
    if count < 1:
        raise InputError(f'count: must be at least 1, got {count}; pass the number of sequences')
    rules = CONVENTIONS[convention]
    found = (diagnose(video, rules) for video in run.videos.values())
    ranked = sorted(filter(None, found), key=lambda one: (one.success, one.video.name))
    if not ranked:
        raise InputError(
            f'results: {run.path}: no frame counts by convention {convention!r}; pass another one'
        )
    return ranked[:count]


def diagnose(video: TrackedVideo, convention: Convention) -> Diagnosis | None:
    """Take a sequence's error apart; None where no frame of it counts, or shows the target."""
    known = usable(video.truth)
    shown = known if video.visible is None else known & np.array(video.visible, dtype=bool)
    variants = [
        replace(video, boxes=np.where(known[:, None], boxes, video.boxes))
        for boxes in (video.boxes, _with_true_size(video), _at_true_place(video))
    ]
    scores = [score_video(variant, convention) for variant in variants]
    if None in scores or not shown.any():
        return None
    overlaps = np.where(shown, box_overlaps(video.boxes, video.truth), np.nan)
    ratios = _ratios_by_third(video, shown)
    return Diagnosis(
        video,
        overlaps,
        *(score.success for score in scores),
        widths=[width for width, _ in ratios],
        heights=[height for _, height in ratios],
        below_half_from=_below_half_from(overlaps),
        lost=int((overlaps == 0).sum()),
    )


def match_folder(run: Run, folder: str | Path) -> dict[str, FolderVideo]:
    """The sequences of a folder, by name, which must be those that a run has tracked.

    Raises:
        InputError: If a sequence is not in both, or differs in its length or truth, or the folder
            has none; it names folder, sequence and fix.
    """
    # After --help: it takes seconds.
    from tlpg_mmtrack.datasets.video_folder import read_video_folder

    videos, problems = read_video_folder(folder)
    there = {video.name: video for video in videos}
    missing = [name for name in there if name not in run.videos]
    if missing:
        reason = f' ({run.incomplete})' if run.incomplete else ''
        raise InputError(
            f'results: {run.path} lacks {len(missing)} sequences of {folder}: {shorten(missing)}'
            f'{reason}; finish its run by the same command, or pass the folder that was tracked'
        )
    for name, tracked in run.videos.items():
        if name not in there:
            reason = problems.get(name, f'{folder} has no such sequence')
            raise InputError(
                f'data: {run.path} holds results of {name!r}, but {reason}; pass the folder that '
                'was tracked'
            )
        _check_truth(run, folder, tracked, there[name].truth)
    return there


def write_table(folder: Path, rows: Sequence[Diagnosis], run: Run, convention: str) -> str:
    """Write ``failures.csv``, figures as shares, and ``failures.md``, AUC in percent.

    Returns:
        The markdown.
    """
    thirds = range(1, _THIRDS + 1)
    header = ['sequence', 'frames', 'success', 'true_size', 'true_place', 'at_fault']
    header += [f'{side}_{third}' for side in ('width', 'height') for third in thirds]
    header += ['below_half_from', 'lost']
    write_csv(folder / 'failures.csv', header, (_csv_row(row) for row in rows))
    lines = [
        f'{run.name}: the {len(rows)} worst of {len(run.videos)} sequences, AUC in percent, '
        f'convention {convention}.',
        '',
        '| sequence | frames | AUC | with the true size | at the true place | at fault '
        '| width, by thirds | height, by thirds | IoU below 0.5 from | lost |',
        '| --- ' * 10 + '|',
        *(_markdown_row(row) for row in rows),
    ]
    text = '\n'.join(lines) + '\n'
    write_text(folder / 'failures.md', text)
    return text


def draw_failures(path: Path, rows: Sequence[Diagnosis], videos: dict[str, FolderVideo]) -> None:
    """Write a PNG: for each sequence evenly spaced frames around target and box.

    Raises:
        InputError: If a frame cannot be read; it names the file.
    """
    figure = new_figure(_PICTURES * _PICTURE_INCHES, 0.4 + len(rows) * (_PICTURE_INCHES + 0.2))
    grid = figure.subplots(len(rows), _PICTURES, squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        for axis in axes:
            axis.set(xticks=[], yticks=[], frame_on=False)
        axes[0].set_ylabel(
            f'{row.video.name}\nAUC {100 * row.success:.1f}: {row.at_fault}', fontsize='small'
        )
        count = len(row.overlaps)
        frames = np.linspace(0, count - 1, min(_PICTURES, count)).round().astype(int)
        for axis, index in zip(axes, frames.tolist(), strict=False):
            _show_frame(axis, row, index, videos[row.video.name].images[index])
    handles = [
        Line2D([], [], color=colour, label=label)
        for colour, label in ((TRUTH_COLOUR, 'truth'), (TRACKER_COLOUR, 'tracker'))
    ]
    figure.legend(handles=handles, loc='outside upper right', ncols=2, fontsize='small')
    save_figure(path, figure)


def _with_true_size(video: TrackedVideo) -> np.ndarray:
    """Boxes of the true size that lie in the tracked ones, or around them where those are smaller.

    Of these the ones nearest the truth: a box that has grown to one side has moved its centre, and
    is not therefore at a wrong place.
    """
    corners, sizes = video.boxes[:, :2], video.truth[:, 2:]
    slack = video.boxes[:, 2:] - sizes
    low, high = corners + np.minimum(slack, 0.0), corners + np.maximum(slack, 0.0)
    return np.concatenate((np.clip(video.truth[:, :2], low, high), sizes), axis=1)


def _at_true_place(video: TrackedVideo) -> np.ndarray:
    """Boxes of the tracked size around the true centres.

    Around the target or within it, no other place of such a box overlaps more.
    """
    sizes = video.boxes[:, 2:]
    return np.concatenate((video.truth[:, :2] + (video.truth[:, 2:] - sizes) / 2, sizes), axis=1)


def _ratios_by_third(video: TrackedVideo, shown: np.ndarray) -> list[list[float]]:
    """Median (width, height) of the boxes as multiples of the true ones, in each third."""
    ratios = []
    for frames in np.array_split(np.arange(len(shown)), _THIRDS):
        frames = frames[shown[frames]]
        quotients = video.boxes[frames, 2:] / video.truth[frames, 2:]
        ratios.append(np.median(quotients, axis=0).tolist() if len(frames) else [np.nan] * 2)
    return ratios


def _below_half_from(overlaps: np.ndarray) -> int | None:
    """First frame from which the overlap stays below a half; hidden frames decide nothing."""
    shown = np.flatnonzero(~np.isnan(overlaps))
    good = np.flatnonzero(overlaps[shown] >= _HALF)
    after = shown[good[-1] + 1 if len(good) else 0 :]
    return int(after[0]) if len(after) else None


def _check_truth(run: Run, folder: str | Path, tracked: TrackedVideo, truth: np.ndarray) -> None:
    where = f'{run.path} and {folder}: sequence {tracked.name!r}'
    if len(tracked.truth) != len(truth):
        raise InputError(
            f'{where} has {len(tracked.truth)} frames in the results, {len(truth)} in the folder; '
            'pass the folder that was tracked'
        )
    if not np.allclose(tracked.truth, truth, rtol=0, atol=_TRUTH_TOLERANCE, equal_nan=True):
        raise InputError(
            f'{where} has another ground truth in the results than in the folder; pass the folder '
            'that was tracked'
        )


def _csv_row(row: Diagnosis) -> list[str | int | float]:
    figures = [row.success, row.true_size, row.true_place]
    start = '' if row.below_half_from is None else row.below_half_from
    ratios = [*row.widths, *row.heights]
    return [row.video.name, len(row.overlaps), *figures, row.at_fault, *ratios, start, row.lost]


def _markdown_row(row: Diagnosis) -> str:
    aucs = (f'{100 * auc:.1f}' for auc in (row.success, row.true_size, row.true_place))
    sides = (
        ', '.join('-' if np.isnan(ratio) else f'{ratio:.2f}' for ratio in ratios)
        for ratios in (row.widths, row.heights)
    )
    start = 'never' if row.below_half_from is None else row.below_half_from
    cells = [row.video.name, len(row.overlaps), *aucs, row.at_fault, *sides]
    return '| ' + ' | '.join(str(cell) for cell in [*cells, start, row.lost]) + ' |'


def _show_frame(axis: Axes, row: Diagnosis, index: int, path: Path) -> None:
    """One frame, cut around the boxes, which keep their coordinates."""
    from tlpg_mmtrack.ops.crop import crop_patch
    from tlpg_mmtrack.utils.images import decode_image

    frame = decode_image(path)
    if frame is None:
        raise InputError(f'data: {path} cannot be read as an image; put the whole file there')
    overlap = row.overlaps[index]
    boxes = [(row.video.boxes[index], TRACKER_COLOUR)]
    if not np.isnan(overlap):
        boxes.insert(0, (row.video.truth[index], TRUTH_COLOUR))
    low = np.min([box[:2] for box, _ in boxes], axis=0)
    high = np.max([box[:2] + box[2:] for box, _ in boxes], axis=0)
    # A pixel's centre is its index: its left edge lies half a pixel before.
    center = (low + high - 1) / 2
    side = max(float((high - low).max()) / _FILLED, _LEAST_SIDE)
    (left, top), (right, bottom) = center - side / 2, center + side / 2
    picture = crop_patch(frame, center, side, _PICTURE_PIXELS)
    axis.imshow(picture[..., ::-1], extent=(left, right, bottom, top))
    for (x, y, width, height), colour in boxes:
        outline = Rectangle((x - 0.5, y - 0.5), width, height, fill=False, ec=colour, lw=1.8)
        axis.add_patch(outline)
    overlap_text = 'no truth' if np.isnan(overlap) else f'IoU {overlap:.2f}'
    axis.set_title(f'{index}: {overlap_text}', fontsize='small')


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(
        __doc__,
        'tools/analysis/failures.py work_dirs/compare/tlpg --data data/OTB100/data '
        '--out outputs/failures',
    )
    parser.add_argument(
        'results',
        type=Path,
        help='a results folder: work_dirs/NAME/results of tools/test.py, or OUT/TRACKER of '
        'tools/compare.py',
    )
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='folder of the videos that were tracked: NAME/img/ and NAME/groundtruth_rect.txt or '
        'groundtruth.txt',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument(
        '--count', type=int, default=5, help='number of sequences (default: %(default)s)'
    )
    add_convention(parser)
    args = parser.parse_args(arguments)
    run = load_run(args.results)
    videos = match_folder(run, args.data)
    rows = worst_sequences(run, args.convention, args.count)
    args.out.mkdir(parents=True, exist_ok=True)
    table = write_table(args.out, rows, run, args.convention)
    draw_failures(args.out / 'failures.png', rows, videos)
    report_incomplete([run])
    print(table, end='')


if __name__ == '__main__':
    sys.exit(main())
