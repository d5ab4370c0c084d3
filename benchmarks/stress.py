#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Track clips in which the target is hidden, leaves, jumps, has a twin, or changes its size.

The clips are made from videos of FOLDER, in which the target is always there, so that the truth is
known: stress_clips.py has the kinds. With --real the videos are tracked as they are, and the
target may be absent.

Printed for every kind, over the frames of all its clips after the first:

AUC         of the frames that show the target, 21 overlap thresholds
lost        share of the frames that show the target whose IoU is below 0.1
silent      of these, the share that was reported as normal
false       of the frames on target (IoU 0.1 or more), the share reported as not found
precision   of the frames reported as not found, the share that shows no target, or is lost
recall      of the frames that show no target, or are lost, the share reported as not found
again       of the target's returns, the share after which it is found within 30 frames (IoU 0.3,
            and not reported as not found), and the median number of frames
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tools'))

from tlpg_tools.command_line import command

import tlpg_mmtrack  # noqa: F401  (makes mmdet importable)

# isort: split
import cv2
import numpy as np
import torch
from stress_clips import KINDS, Shot, Source

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.datasets.video_folder import FolderVideo, read_video_folder
from tlpg_mmtrack.structures import TrackingState
from tlpg_mmtrack.utils.errors import InputError

QUICK = ('Crossing', 'MountainBike', 'davis_camel')
QUICK_KINDS = ('bar_20', 'absent_50', 'away_50', 'cut', 'twin_crosses', 'twin_stays', 'zoom')
FRAMES = 120
"""Of a video, which clips are made of."""
LOST_IOU, FOUND_IOU, SOON = 0.1, 0.3, 30
THRESHOLDS = np.linspace(0, 1, 21)


@dataclass(frozen=True)
class Course:
    """How a clip was tracked, for each frame after the first.

    Attributes:
        overlap: IoU with the truth; NaN in frames that do not show the target.
        state: The states' values.
        confidence: The confidence, 0..1.
    """

    overlap: np.ndarray
    state: np.ndarray
    confidence: np.ndarray

    @property
    def shown(self) -> np.ndarray:
        """Which frames show the target."""
        return np.isfinite(self.overlap)

    @property
    def on_target(self) -> np.ndarray:
        """Which frames' boxes are on the target."""
        return self.overlap >= LOST_IOU

    @property
    def reported(self) -> np.ndarray:
        """Which frames are reported as not found."""
        return self.state == TrackingState.NOT_FOUND.value

    def returns(self) -> list[float]:
        """Frames until the target is found, after each of its returns; infinite if it is not."""
        found = (self.overlap >= FOUND_IOU) & ~self.reported
        starts = [i + 1 for i, (a, b) in enumerate(pairwise(self.shown)) if b and not a]
        waits = [np.flatnonzero(found[start:]) for start in starts]
        return [float(wait[0]) if wait.size else np.inf for wait in waits]


def overlap(box: np.ndarray, truth: np.ndarray) -> float:
    """IoU of two boxes (x, y, width, height); NaN where there is no true one."""
    if not truth[2] * truth[3] > 0:
        return np.nan
    low, high = (
        np.maximum(box[:2], truth[:2]),
        np.minimum(box[:2] + box[2:], truth[:2] + truth[2:]),
    )
    common = np.prod((high - low).clip(0))
    return float(common / (np.prod(box[2:]) + np.prod(truth[2:]) - common))


def follow(tracker: Tracker, shots: Iterable[Shot]) -> Course:
    """Track a clip from its first box."""
    rows = []
    for index, (frame, truth) in enumerate(shots):
        if index == 0:
            tracker.init(frame, truth)
            continue
        result = tracker.track(frame)
        rows.append((overlap(result.box, truth), result.state.value, result.confidence))
    overlaps, states, confidences = zip(*rows, strict=True)
    return Course(np.array(overlaps), np.array(states), np.array(confidences))


def table_row(courses: Sequence[Course]) -> list[float]:
    """The figures of the table above, in percent, and the median wait in frames."""
    overlaps, states = (
        np.concatenate([getattr(course, name) for course in courses])
        for name in ('overlap', 'state')
    )
    whole = Course(overlaps, states, states)
    shown, off = whole.shown, ~whole.on_target
    waits = [wait for course in courses for wait in course.returns()]
    shares = [
        (overlaps[shown][:, None] > THRESHOLDS).ravel(),
        off[shown],
        (states == TrackingState.NORMAL.value)[shown & off],
        whole.reported[~off],
        off[whole.reported],
        whole.reported[off],
        np.array(waits) <= SOON,
    ]
    percents = [100 * share.mean() if share.size else np.nan for share in shares]
    return [*percents, float(np.median(waits)) if waits else np.nan]


def load(video: FolderVideo, count: int | None = None) -> list[np.ndarray]:
    """The first frames of a video.

    Raises:
        InputError: If a frame cannot be read; it names the file.
    """
    return [_read(path) for path in video.images[:count]]


def _read(path: Path) -> np.ndarray:
    frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if frame is None:
        raise InputError(f'--data: {path} cannot be read as an image; put the whole file there')
    return frame


def stress_clips(
    videos: Sequence[FolderVideo], kinds: Sequence[str]
) -> Iterator[tuple[str, str, Iterable[Shot]]]:
    """Kind, video and frames of every clip."""
    for index, video in enumerate(videos):
        other = load(videos[index - 1], 40)
        source = Source(load(video, FRAMES), video.truth[:FRAMES], other)
        for kind in kinds:
            yield kind, video.name, KINDS[kind](source)


def real_clips(videos: Sequence[FolderVideo]) -> Iterator[tuple[str, str, Iterable[Shot]]]:
    """The videos as they are."""
    for video in videos:
        yield video.name, video.name, zip(map(_read, video.images), video.truth, strict=True)


def track_clips(
    tracker: Tracker, clips: Iterable[tuple[str, str, Iterable[Shot]]]
) -> dict[str, list[Course]]:
    """Track clips (kind, video, frames); their courses by kind."""
    courses: dict[str, list[Course]] = {}
    for kind, _, shots in clips:
        courses.setdefault(kind, []).append(follow(tracker, shots))
    return courses


def print_table(courses: dict[str, list[Course]]) -> None:
    """One row for each kind, and one for all."""
    names = ('AUC', 'lost', 'silent', 'false', 'precision', 'recall', 'again', 'wait')
    print(f'{"kind":14s}', *(f'{name:>9s}' for name in names))
    everything = [course for kind in courses.values() for course in kind]
    for kind, own in {**courses, 'all': everything}.items():
        print(f'{kind:14s}', *(f'{value:9.1f}' for value in table_row(own)), flush=True)


def clip_parser(text: str | None) -> argparse.ArgumentParser:
    """A command line that says which clips are tracked."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, required=True, help='FOLDER, in the layout of OTB')
    parser.add_argument('--videos', nargs='+', help='names of some (default: all)')
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=list(KINDS), help='some')
    parser.add_argument('--real', action='store_true', help='the videos as they are')
    parser.add_argument('--threads', type=int, default=2, help="torch's (default: %(default)s)")
    return parser


def chosen_videos(folder: Path, names: Sequence[str] | None) -> list[FolderVideo]:
    """The videos of these names, or all; InputError where there is none of a name."""
    videos = read_video_folder(folder)[0]
    unknown = sorted(set(names or ()) - {video.name for video in videos})
    if unknown:
        raise InputError(f'videos: {folder} holds no {unknown[0]!r}; pass names of its folders')
    return [video for video in videos if names is None or video.name in names]


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = clip_parser(__doc__)
    parser.add_argument('--quick', action='store_true', help='a few kinds, three videos of dev/')
    parser.add_argument('--config', help='(default: that of the weights)')
    parser.add_argument('--checkpoint', help='(default: the shipped weights)')
    parser.add_argument('--seed', type=int, default=0, help='(default: %(default)s)')
    args = parser.parse_args(arguments)
    chosen = chosen_videos(args.data, args.videos or (QUICK if args.quick else None))
    torch.set_num_threads(args.threads)
    tracker = Tracker.from_pretrained(args.config, args.checkpoint, seed=args.seed)
    kinds = QUICK_KINDS if args.quick else args.kinds
    clips = real_clips(chosen) if args.real else stress_clips(chosen, kinds)
    print_table(track_clips(tracker, clips))


if __name__ == '__main__':
    sys.exit(main())
