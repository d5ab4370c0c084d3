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

from common import command, data_parser, read_frame, read_videos

# isort: split
import numpy as np
import torch
from stress_clips import KINDS, Shot, Source
from tlpg_tools.command_line import add_tracker

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.datasets.video_folder import FolderVideo
from tlpg_mmtrack.structures import TrackingState
from tlpg_mmtrack.utils.boxes import box_overlaps

QUICK = ('Crossing', 'MountainBike', 'davis_camel')
QUICK_KINDS = ('bar_20', 'absent_50', 'away_50', 'cut', 'twin_crosses', 'twin_stays', 'zoom')
FRAMES = 120
"""Of a video, which clips are made of."""
LOST_IOU, FOUND_IOU, SOON = 0.1, 0.3, 30
THRESHOLDS = np.linspace(0, 1, 21)


@dataclass(frozen=True)
class TrackedClip:
    """How a clip was tracked, for each frame after the first."""

    overlap: np.ndarray  #: IoU with the truth; NaN in frames that do not show the target.
    state: np.ndarray  #: The states' values.

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
    known = truth[2] * truth[3] > 0
    return float(box_overlaps(box[None], truth[None])[0]) if known else np.nan


def follow(tracker: Tracker, shots: Iterable[Shot]) -> TrackedClip:
    """Track a clip from its first box."""
    rows = []
    for index, (frame, truth) in enumerate(shots):
        if index == 0:
            tracker.init(frame, truth)
            continue
        result = tracker.track(frame)
        rows.append((overlap(result.box, truth), result.state.value))
    overlaps, states = zip(*rows, strict=True)
    return TrackedClip(np.array(overlaps), np.array(states))


def table_row(clips: Sequence[TrackedClip]) -> list[float]:
    """The figures of the table above, in percent, and the median wait in frames."""
    overlaps, states = (
        np.concatenate([getattr(clip, name) for clip in clips]) for name in ('overlap', 'state')
    )
    joined = TrackedClip(overlaps, states)
    shown, off = joined.shown, ~joined.on_target
    waits = [wait for clip in clips for wait in clip.returns()]
    shares = [
        (overlaps[shown][:, None] > THRESHOLDS).ravel(),
        off[shown],
        (states == TrackingState.NORMAL.value)[shown & off],
        joined.reported[~off],
        off[joined.reported],
        joined.reported[off],
        np.array(waits) <= SOON,
    ]
    percents = [100 * share.mean() if share.size else np.nan for share in shares]
    return [*percents, float(np.median(waits)) if waits else np.nan]


def stress_clips(
    videos: Sequence[FolderVideo], kinds: Sequence[str]
) -> Iterator[tuple[str, str, Iterable[Shot]]]:
    """Kind, video and frames of every clip."""
    for index, video in enumerate(videos):
        frames = [read_frame(path) for path in video.images[:FRAMES]]
        other = [read_frame(path) for path in videos[index - 1].images[:40]]
        source = Source(frames, video.truth[:FRAMES], other)
        for kind in kinds:
            yield kind, video.name, KINDS[kind](source)


def real_clips(videos: Sequence[FolderVideo]) -> Iterator[tuple[str, str, Iterable[Shot]]]:
    """The videos as they are."""
    for video in videos:
        yield video.name, video.name, zip(map(read_frame, video.images), video.truth, strict=True)


def track_clips(
    tracker: Tracker, clips: Iterable[tuple[str, str, Iterable[Shot]]]
) -> dict[str, list[TrackedClip]]:
    """Track clips (kind, video, frames); by kind."""
    tracked: dict[str, list[TrackedClip]] = {}
    for kind, _, shots in clips:
        tracked.setdefault(kind, []).append(follow(tracker, shots))
    return tracked


def print_table(clips: dict[str, list[TrackedClip]]) -> None:
    """One row for each kind, and one for all."""
    names = ('AUC', 'lost', 'silent', 'false', 'precision', 'recall', 'again', 'wait')
    print(f'{"kind":14s}', *(f'{name:>9s}' for name in names))
    everything = [clip for kind in clips.values() for clip in kind]
    for kind, own in {**clips, 'all': everything}.items():
        print(f'{kind:14s}', *(f'{value:9.1f}' for value in table_row(own)), flush=True)


def clip_parser(text: str | None) -> argparse.ArgumentParser:
    """A command line that says which clips are tracked."""
    parser = data_parser(text)
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=list(KINDS), help='some')
    parser.add_argument('--real', action='store_true', help='the videos as they are')
    return parser


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = clip_parser(__doc__)
    parser.add_argument('--quick', action='store_true', help='a few kinds, three videos of dev/')
    add_tracker(parser)
    args = parser.parse_args(arguments)
    chosen = read_videos(args.data, args.videos or (QUICK if args.quick else None))
    torch.set_num_threads(args.threads)
    tracker = Tracker.from_pretrained(args.config, args.checkpoint, args.device, args.seed)
    kinds = QUICK_KINDS if args.quick else args.kinds
    clips = real_clips(chosen) if args.real else stress_clips(chosen, kinds)
    print_table(track_clips(tracker, clips))


if __name__ == '__main__':
    sys.exit(main())
