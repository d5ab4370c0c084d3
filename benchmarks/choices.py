#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the tracker's choices are worth: each alternative against the shipped configuration.

A video tracked once, from its first frame, is one throw of a coin wherever a distractor decides.
So each is tracked from several starts, as VOT2020 does it: evenly spaced from the first frame to
the last, and from each in the direction in which more of the video lies, backwards from the second
half on. A video's figure is the mean AUC of its runs (convention otb). An alternative's gain is
the mean over the videos of its figure less the reference's, with the standard error of that: what
is within two of them may be chance.

Alternatives of the target model's design, for which a second stage was never trained, are compared
with a reference whose second stage is untrained as well (the first one always is); a box is then
improved by IoU-Net and the box regression all the same.

The table of everything measured so far is printed and written to OUT/choices.csv and .md. The same
command goes on where it stopped, and two of them may share the work: --choices names what each
tracks.
"""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common import build, command, data_parser, machine, read_videos, shipped, shipped_tracker

# isort: split
import numpy as np
import torch
from tlpg_tools.ablation_table import paired_difference, video_scores
from tlpg_tools.baselines import TLPGBaseline
from tlpg_tools.harness import run_tracker
from tlpg_tools.reports import write_csv

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.datasets.video_folder import FolderVideo
from tlpg_mmtrack.utils.atomic_write import write_text
from tlpg_mmtrack.utils.checkpoint import read_manifest, read_weights
from tlpg_mmtrack.utils.model_zoo import shipped_weights

REFERENCE, UNTRAINED = 'reference', 'untrained second stage'
CONVENTION = 'otb'


@dataclass(frozen=True)
class Choice:
    """One row of the table."""

    name: str  #: What differs; names its folder too.
    options: dict = field(default_factory=dict)  #: Fields of `TrackingOptions` that differ.
    #: Arguments of both stages' `DCCHead` that differ. Both stages are then untrained.
    head: dict | None = None
    one_stage: bool = False  #: Whether there is no second stage.

    @property
    def against(self) -> str | None:
        """Name of the row that it is compared with; None for the reference."""
        if self.name == REFERENCE:
            return None
        return REFERENCE if self.head is None or self.name == UNTRAINED else UNTRAINED


def assigned(**options: Any) -> dict:
    """Arguments of heads that assign labels otherwise."""
    return dict(assigner=dict(type='DCCAssigner', **options))


CHOICES = (
    Choice(REFERENCE),
    Choice('crop 288, scale 4.5', dict(crop_size=288, search_scale=4.5)),
    Choice('crop 320, scale 5', dict(crop_size=320, search_scale=5.0)),
    Choice('no size penalty', dict(size_penalty=0.0)),
    Choice('all boxes count fully', dict(trusted_iou=None)),
    Choice('no size penalty, all boxes count fully', dict(size_penalty=0.0, trusted_iou=None)),
    Choice('box rate 0.7', dict(box_rate=0.7)),
    Choice('not found below 0.25', dict(not_found_threshold=0.25)),
    Choice('displacement 1.5', dict(displacement=1.5)),
    Choice('update 2 every 10', dict(update_interval=10, update_iters=2)),
    Choice('no hard negatives', dict(hard_negative_iters=0)),
    Choice('updates learn offsets', dict(update_offsets=True)),
    Choice('search, no regression', dict(postprocess='iou_search')),
    Choice('ranked by IoU, no search', dict(postprocess='iou')),
    Choice('score alone', dict(postprocess='nms')),
    Choice('one stage', one_stage=True),
    Choice(UNTRAINED, head={}),
    Choice('label band ignored', head=assigned(label_band='ignore')),
    Choice('no centre region', head=assigned(center_shrink=0.0)),
    Choice('all near cells positive', head=assigned(positive_iou=0.0)),
    Choice('square grid', head=dict(offset_prior='square')),
    Choice('joint learning', head=dict(learner=dict(type='JointLearner'))),
)


def starts(video: FolderVideo, count: int) -> list[FolderVideo]:
    """The runs of one video, each from another frame, in the direction that is longer."""
    runs = []
    last = len(video.images) - 1
    for start in np.linspace(0, last, count).round().astype(int):
        forward = start <= last / 2
        index = np.arange(start, last + 1) if forward else np.arange(start, -1, -1)
        if np.isfinite(video.truth[start]).all() and (video.truth[start, 2:] > 0).all():
            runs.append(
                FolderVideo(
                    f'{video.name}@{start}{"+" if forward else "-"}',
                    [video.images[i] for i in index],
                    video.truth[index],
                )
            )
    return runs


def build_tracker(choice: Choice) -> Tracker:
    """The shipped tracker with a choice made otherwise."""
    config = shipped(**choice.options)
    if choice.head is not None:
        config.model.head.update(choice.head)
        config.model.refiner.head.update(choice.head)
    elif choice.one_stage:
        config.model.refiner = None
    else:
        return shipped_tracker(**choice.options)
    model = build(config.model)
    # The first stage's weights are those that it starts with.
    kept = {
        name: value
        for name, value in read_weights(shipped_weights()).items()
        if name.startswith(('iou_head.', 'box_head.'))
    }
    model.load_state_dict({**model.state_dict(), **kept}, strict=False)
    return Tracker(model, 'cpu')


class ChoiceBaseline(TLPGBaseline):
    """The tracker of a choice, whose results are those of no other one."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(build_tracker(choice))
        self._choice = asdict(choice)

    def identity(self) -> dict[str, Any]:
        """Config, weights, seed and device, and what was chosen otherwise."""
        return {**super().identity(), 'choice': self._choice}


def figures(folder: Path) -> dict[str, float]:
    """AUC of each video in percent, the mean over its runs."""
    by_video = defaultdict(list)
    for run, auc in video_scores(folder, CONVENTION).items():
        by_video[run.split('@')[0]].append(auc)
    return {name: float(np.mean(values)) for name, values in by_video.items()}


def report(out: Path, note: str) -> None:
    """Print and write the table of everything that has been tracked."""
    scores = {
        choice.name: figures(folder)
        for choice in CHOICES
        if (folder := folder_of(out, choice)).is_dir()
    }
    table, lines = [], [note, '', '| | AUC | against | gain |', '| --- | --- | --- | --- |']
    for choice in CHOICES:
        if choice.name not in scores:
            continue
        own, other = scores[choice.name], scores.get(choice.against)
        auc, gain = float(np.mean(list(own.values()))), other and paired_difference(own, other)
        compared = (choice.against, gain.mean, gain.error) if gain else (None, None, None)
        table.append([choice.name, auc, *compared])
        shown = f'{choice.against} | {gain.mean:+.1f} ± {gain.error:.1f}' if gain else ' |'
        lines.append(f'| {choice.name} | {auc:.1f} | {shown} |')
    write_csv(out / 'choices.csv', ['', 'AUC', 'against', 'gain', 'standard error'], table)
    write_text(out / 'choices.md', '\n'.join(lines) + '\n')
    print('\n'.join(lines))


def folder_of(out: Path, choice: Choice) -> Path:
    """Where the results of a choice are kept."""
    return out / choice.name.replace(' ', '_').replace(',', '')


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    names = [choice.name for choice in CHOICES]
    parser = data_parser(f'{__doc__}\nchoices: {"; ".join(names)}', threads=1)
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument(
        '--choices', nargs='+', default=names, choices=names, metavar='NAME', help='default: all'
    )
    parser.add_argument('--starts', type=int, default=4, help='a video (default: %(default)s)')
    args = parser.parse_args(arguments)
    logging.basicConfig(format='%(message)s', level=logging.INFO)
    torch.set_num_threads(args.threads)
    videos = read_videos(args.data, args.videos)
    runs = [run for video in videos for run in starts(video, args.starts)]
    for choice in CHOICES:
        if choice.name in args.choices:
            run_tracker(ChoiceBaseline(choice), runs, folder_of(args.out, choice))
    frames = sum(len(run.images) for run in runs)
    weights = read_manifest(shipped_weights()).sha256
    report(
        args.out,
        f'{len(videos)} videos, {len(runs)} runs, {frames} frames; shipped weights, SHA-256 '
        f'{weights[:8]}...; {machine(args.threads)}.',
    )


if __name__ == '__main__':
    sys.exit(main())
