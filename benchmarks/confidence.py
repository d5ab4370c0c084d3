#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What tells the target from all else, and how the confidence is made of it.

Tracks the clips of stress.py, or with --real the videos of FOLDER as they are, and learns only
from boxes that the truth says are right (IoU 0.3 or more); after three wrong ones the tracker is
put back on the target. Prints, for each evidence, the area under the ROC curve between right boxes
and wrong ones (IoU below 0.1, or the target is not shown): 0.5 tells nothing, 1 and 0 tell all.
Then the weights of a logistic regression, for `test_cfg.confidence`; wrong boxes count as much as
right ones.

--plot draws how often a box is right against the confidence that the config's own weights give it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from common import command, read_videos

# isort: split
import numpy as np
import torch
from stress import FOUND_IOU, LOST_IOU, Shot, clip_parser, overlap, real_clips, stress_clips
from tlpg_tools.reports import new_figure, save_figure

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.models.trackers import TLPG, TargetState
from tlpg_mmtrack.models.trackers.confidence import Evidence, bounded, confidence_in
from tlpg_mmtrack.models.trackers.online_tracker import OnlineTracker
from tlpg_mmtrack.structures import TrackingResult

NAMES = [field.name for field in fields(Evidence)]
PENALTY = 1e-3
"""Of the squared weights."""


class OracleTracker(OnlineTracker):
    """Learns from what the truth says is right alone; ``truth`` is to be set before each step.

    Attributes:
        evidence: What was found so far.
        overlaps: Its IoU with the truth.
    """

    def __init__(self, model: TLPG) -> None:
        super().__init__(model.network)
        self.truth = np.zeros(4)
        self.evidence: list[Evidence] = []
        self.overlaps: list[float] = []

    @torch.inference_mode()
    def step(self, frame: np.ndarray, target: TargetState) -> TrackingResult:
        """Find the target, and learn from it if that is right."""
        target.frame += 1
        sighting = self._measure(target, self._look(frame, target, target.box))
        iou = 0.0
        if sighting.found is not None:
            iou = overlap(sighting.found.frame_box, self.truth)
            self.evidence.append(sighting.found.evidence)
            self.overlaps.append(iou)
        if iou >= FOUND_IOU:
            return self._take(target, sighting, frame.shape)
        result = self._miss(target, sighting, frame.shape)
        if target.missed >= 3 and self.truth[2] > 0:
            target.box = self.truth.copy()
        return result


def collect(
    model: TLPG, clips: Iterable[tuple[str, str, Iterable[Shot]]]
) -> tuple[list[Evidence], np.ndarray]:
    """Evidence of clear cases, and whether they are right."""
    tracker = OracleTracker(model)
    for kind, video, shots in clips:
        print(f'{kind} {video}', file=sys.stderr, flush=True)
        target = None
        for frame, truth in shots:
            tracker.truth = truth
            if target is None:
                target = tracker.start(frame, truth)
            else:
                tracker.step(frame, target)
    overlaps = np.array(tracker.overlaps)
    right, wrong = overlaps >= FOUND_IOU, ~(overlaps >= LOST_IOU)
    clear = np.flatnonzero(right | wrong)
    return [tracker.evidence[index] for index in clear], right[clear]


def roc_area(values: np.ndarray, right: np.ndarray) -> float:
    """Share of pairs, one right and one wrong, in which the right one has the higher value."""
    low, high = np.sort(values[~right]), values[right]
    below = np.searchsorted(low, high, 'left') + np.searchsorted(low, high, 'right')
    return float(below.mean() / (2 * len(low)))


def fit(inputs: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method, classes of equal weight: (n, k) to (k,)."""
    share = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum())
    weights = np.zeros(inputs.shape[1])
    for _ in range(30):
        probability = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (share * (probability - right)) + PENALTY * weights
        curvature = (inputs * (share * probability * (1 - probability))[:, None]).T @ inputs
        weights -= np.linalg.solve(curvature + PENALTY * np.eye(len(weights)), gradient)
    return weights


def draw_reliability(confidence: np.ndarray, right: np.ndarray, path: Path) -> None:
    """Share of right boxes in ten bins of confidence, and how many there are."""
    bins = np.minimum((10 * confidence).astype(int), 9)
    figure = new_figure(4, 4)
    axes = figure.add_subplot(xlabel='confidence', ylabel='share of right boxes')
    axes.plot([0, 1], [0, 1], color='0.7', lw=1)
    for each in np.unique(bins):
        own = bins == each
        axes.plot(confidence[own].mean(), right[own].mean(), 'ko')
        axes.annotate(f' {own.sum()}', (confidence[own].mean(), right[own].mean()))
    save_figure(path, figure)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = clip_parser(__doc__)
    parser.add_argument('--evidence', nargs='+', choices=NAMES, default=NAMES, help='to use')
    parser.add_argument('--plot', type=Path, help='PNG file')
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    model = Tracker.from_pretrained().model
    videos = read_videos(args.data, args.videos)
    clips = real_clips(videos) if args.real else stress_clips(videos, args.kinds)
    evidence, right = collect(model, clips)
    print(f'{right.sum()} right boxes, {(~right).sum()} wrong ones')
    values = {name: np.array([bounded(each)[name] for each in evidence]) for name in NAMES}
    for name in NAMES:
        print(f'{name:12s} {roc_area(values[name], right):.3f}')
    columns = [values[name] for name in args.evidence] + [np.ones(len(right))]
    weights = fit(np.stack(columns, axis=1), right)
    pairs = zip([*args.evidence, 'bias'], weights, strict=True)
    print('confidence=dict(' + ', '.join(f'{name}={value:.2f}' for name, value in pairs) + ')')
    confidence = np.array([confidence_in(each, model.options.confidence) for each in evidence])
    print(f'the config: {roc_area(confidence, right):.3f}')
    if args.plot is not None:
        draw_reliability(confidence, right, args.plot)


if __name__ == '__main__':
    sys.exit(main())
