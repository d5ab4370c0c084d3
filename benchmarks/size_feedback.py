#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Does a box grow because each crop is scaled by the last box? With the shipped weights.

Prints the median size of the boxes found in the last third of each sequence, width x height, as
multiples of the true ones: as tracked, and where every crop is cut at the true size around the
tracker's own centre. What a step finds is taken before box_rate smooths it, and every size is
trusted (trusted_iou is off); each postprocess is tracked by itself. docs/failures.md quotes the
table.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tlpg_mmtrack  # noqa: F401  (makes mmdet importable)

# isort: split
import cv2
import numpy as np
import torch

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.evaluation.peers.otb_folder import OTBVideo, read_otb_folder
from tlpg_mmtrack.models.trackers import TLPG

POSTPROCESSES = ('nms', 'iou_search', 'regression')


def found_sizes(model: TLPG, video: OTBVideo, true_crop: bool) -> np.ndarray:
    """Track a sequence.

    Args:
        model: The tracker.
        video: The sequence.
        true_crop: Whether the next crop has the true size, not the tracker's.

    Returns:
        (frames - 1, 2), found width and height as multiples of the true ones.

    Raises:
        ValueError: If a frame cannot be read; it names the file.
    """
    target = model.start(_read(video.images[0]), video.truth[0].copy(), seed=0)
    ratios = []
    for path, truth in zip(video.images[1:], video.truth[1:], strict=True):
        before = target.box[2:].copy()
        reported = model.step(_read(path), target).box[2:]
        ratios.append((before + (reported - before) / model.options.box_rate) / truth[2:])
        if true_crop:
            corner = target.box[:2] + (target.box[2:] - truth[2:]) / 2
            target.box = np.concatenate((corner, truth[2:]))
    return np.array(ratios)


def _read(path: Path) -> np.ndarray:
    frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if frame is None:
        raise ValueError(f'--data: {path} cannot be read as an image; put the whole file there')
    return frame


def _last_third(ratios: np.ndarray) -> str:
    width, height = np.nanmedian(np.array_split(ratios, 3)[-1], axis=0)
    return f'{width:.2f} x {height:.2f}'


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, required=True, help='folder in the layout of OTB')
    parser.add_argument('--sequences', nargs='+', help='names of some (default: all)')
    parser.add_argument('--threads', type=int, default=2, help="torch's (default: %(default)s)")
    args = parser.parse_args(arguments)
    videos = {video.name: video for video in read_otb_folder(args.data)[0]}
    unknown = sorted(set(args.sequences or ()) - set(videos))
    if unknown:
        parser.error(f'--sequences: {args.data} holds no {unknown[0]!r}; it has {list(videos)}')

    torch.set_num_threads(args.threads)
    model = Tracker.from_pretrained().model
    options = model.options
    print(f'{"sequence":20s} {"postprocess":12s} {"own crop":>12s} {"true crop":>12s}', flush=True)
    for name in args.sequences or videos:
        for postprocess in POSTPROCESSES:
            model.options = replace(options, postprocess=postprocess, trusted_iou=None)
            own, true = (
                _last_third(found_sizes(model, videos[name], true_crop))
                for true_crop in (False, True)
            )
            print(f'{name:20s} {postprocess:12s} {own:>12s} {true:>12s}', flush=True)


if __name__ == '__main__':
    main()
