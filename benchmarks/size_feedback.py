#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Does a box grow because each crop is scaled by the last box?

With the shipped weights, or --config and --checkpoint.

Prints the median size of the boxes found in the last third of each sequence, width x height, as
multiples of the true ones: as tracked, and where every crop is cut at the true size around the
tracker's own centre. What a step finds is taken before box_rate smooths it, and every box counts
fully, for the size and in memory (trusted_iou and confidence are off); each postprocess is tracked
by itself.

With --one-step nothing is tracked: in eight frames of each sequence, spread over it, the last box
is given, at the true place and 0.64 to 1.56 times as wide and as high as the target. Printed is
the size that one step finds, as a multiple of the true one (geometric mean over frames and
sequences), and how much of the error is left: the slope of the one logarithm over the other. A
constant error becomes 1 / (1 - slope) times as large in tracking. The target models are those of
the first frame.

docs/failures.md quotes the second table.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common import command, data_parser, read_frame, read_videos

# isort: split
import numpy as np
import torch

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.datasets.video_folder import FolderVideo
from tlpg_mmtrack.models.trackers import TLPG, TargetState

POSTPROCESSES = dict(nms=(), iou_search=('iou_head',), regression=('iou_head', 'box_head'))
"""With the parts that each needs."""
SURE = dict(trusted_iou=None, confidence=None, redetection=None)
"""Every box counts fully."""
SCALES, FRAMES = (0.64, 0.8, 1.0, 1.25, 1.56), 8


def postprocesses(model: TLPG) -> list[str]:
    """What a model has the parts for."""
    return [
        name
        for name, parts in POSTPROCESSES.items()
        if all(getattr(model, part) is not None for part in parts)
    ]


def found_sizes(model: TLPG, video: FolderVideo, true_crop: bool) -> np.ndarray:
    """Track a sequence; with ``true_crop`` the next crop has the true size, not the tracker's.

    Returns:
        (frames - 1, 2), found width and height as multiples of the true ones.
    """
    target = model.start(read_frame(video.images[0]), video.truth[0].copy(), seed=0)
    ratios = []
    for path, truth in zip(video.images[1:], video.truth[1:], strict=True):
        ratios.append(_found_size(model, path, target) / truth[2:])
        if true_crop:
            corner = target.box[:2] + (target.box[2:] - truth[2:]) / 2
            target.box = np.concatenate((corner, truth[2:]))
    return np.array(ratios)


def one_step(model: TLPG, video: FolderVideo) -> np.ndarray:
    """Find the target in some frames, given boxes of wrong sizes.

    Returns:
        (frames, scales, 2), log of the found width and height, as multiples of the true ones.
    """
    first = model.start(read_frame(video.images[0]), video.truth[0].copy(), seed=0)
    visible = np.flatnonzero(video.truth[1:, 2] > 0) + 1
    errors = []
    for index in visible[np.linspace(0, len(visible) - 1, FRAMES).astype(int)]:
        truth = video.truth[index]
        for scale in SCALES:
            target = copy.deepcopy(first)
            size = scale * truth[2:]
            target.box = np.concatenate((truth[:2] + (truth[2:] - size) / 2, size))
            errors.append(np.log(_found_size(model, video.images[index], target) / truth[2:]))
    return np.array(errors).reshape(-1, len(SCALES), 2)


def _found_size(model: TLPG, path: Path, target: TargetState) -> np.ndarray:
    """(2,) size that a step finds, before box_rate smooths it."""
    before = target.box[2:].copy()
    reported = model.step(read_frame(path), target).box[2:]
    return before + (reported - before) / model.options.box_rate


def _last_third(ratios: np.ndarray) -> str:
    width, height = np.nanmedian(np.array_split(ratios, 3)[-1], axis=0)
    return f'{width:.2f} x {height:.2f}'


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = data_parser(__doc__)
    parser.add_argument(
        '--one-step', action='store_true', help='give wrong sizes to single steps (see above)'
    )
    parser.add_argument('--config', type=Path, help='of another model than the shipped one')
    parser.add_argument('--checkpoint', type=Path, help='its weights')
    args = parser.parse_args(arguments)
    videos = read_videos(args.data, args.videos)
    torch.set_num_threads(args.threads)
    model = Tracker.from_pretrained(args.config, args.checkpoint).model
    (print_one_step if args.one_step else print_tracked)(model, videos)


def print_tracked(model: TLPG, videos: Sequence[FolderVideo]) -> None:
    """The sizes at the end of each sequence."""
    options = model.options
    print(f'{"sequence":20s} {"postprocess":12s} {"own crop":>12s} {"true crop":>12s}', flush=True)
    for video in videos:
        for postprocess in postprocesses(model):
            model.options = replace(options, postprocess=postprocess, **SURE)
            own, true = (
                _last_third(found_sizes(model, video, true_crop)) for true_crop in (False, True)
            )
            print(f'{video.name:20s} {postprocess:12s} {own:>12s} {true:>12s}', flush=True)


def print_one_step(model: TLPG, videos: Sequence[FolderVideo]) -> None:
    """What a step makes of a wrong size."""
    options = model.options
    print(f'{"postprocess":12s}', *(f'{scale:6.2f}' for scale in SCALES), '  left', flush=True)
    for postprocess in postprocesses(model):
        model.options = replace(options, postprocess=postprocess, update_interval=10**6, **SURE)
        errors = np.mean([one_step(model, video).mean(axis=(0, 2)) for video in videos], axis=0)
        left = np.polyfit(np.log(SCALES), errors, 1)[0]
        sizes = (f'{size:6.2f}' for size in np.exp(errors))
        print(f'{postprocess:12s}', *sizes, f'{left:6.2f}', flush=True)


if __name__ == '__main__':
    sys.exit(main())
