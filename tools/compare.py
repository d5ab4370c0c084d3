# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Run several trackers over the same videos, and print accuracy and speed side by side.

All run in this process, one after the other, on the same frames from the same boxes. Each gets a
results folder OUT/NAME, as tools/test.py writes them, which the commands in tools/analysis read,
and OUT/comparison.csv has the table. The same command, run again, goes on where it stopped.

Trackers:
  tlpg                     this project's, with the shipped weights, or --config and --checkpoint
  csrt, kcf, mil           OpenCV's; csrt and kcf are in opencv-contrib-python only
  NAME=CONFIG:CHECKPOINT   a model of mmtrack's (PrDiMP, SiamRPN++, STARK), its config and weights;
                           CONFIG may be mmtrack::sot/..., one of those that come with mmtrack
  NAME=CONFIG:untrained    the same with random weights, to try a config: the row is then called
                           NAME-untrained, and its figures mean nothing. Nothing is downloaded

Frames a second are those of tracking: reading images and a tracker's start are not included. They
are of the machine, and its load, at the time each video was tracked.

Exit code 1: a video was left out, so that the rows may be of different videos.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tlpg_tools.command_line import LEFT_OUT, add_convention, add_tracker, command, describe

from tlpg_mmtrack.utils.errors import InputError


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = describe(
        __doc__,
        'tools/compare.py --trackers tlpg csrt kcf mil --data data/OTB100/data '
        '--out work_dirs/compare',
    )
    parser.add_argument(
        '--trackers', nargs='+', required=True, metavar='TRACKER', help='one or more of the above'
    )
    parser.add_argument(
        '--data',
        type=Path,
        help='folder of videos: NAME/img/ and NAME/groundtruth_rect.txt, counted from 1, or '
        "NAME/groundtruth.txt, counted from 0; default: the demo's clip, written to OUT/data",
    )
    parser.add_argument(
        '--one-based',
        action=argparse.BooleanOptionalAction,
        help='whether all boxes are counted from 1; default: as the names of their files say',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the results')
    add_convention(parser, 'mmtrack')
    add_tracker(parser)
    return parser.parse_args(arguments)


@command(resume='the same command goes on')
def main(arguments: Sequence[str] | None = None) -> int:
    """Run all trackers, and print the table; the exit code."""
    args = parse_args(arguments)
    logging.basicConfig(format='%(message)s', level=logging.INFO)
    # After --help: these take seconds.
    from tlpg_tools.baselines import build_tracker
    from tlpg_tools.demo_data import write_demo_data
    from tlpg_tools.harness import run_tracker, write_comparison

    from tlpg_mmtrack.datasets.video_folder import read_video_folder

    data = args.data or write_demo_data(args.out / 'data')
    videos, problems = read_video_folder(data, args.one_based)
    for name, reason in problems.items():
        logging.warning('left out: %s: %s', name, reason)
    # All are built before the first one runs: what is missing shows at once.
    trackers = [
        build_tracker(text, args.config, args.checkpoint, args.device, args.seed)
        for text in args.trackers
    ]
    names = [tracker.name for tracker in trackers]
    if len(set(names)) < len(names):
        raise InputError(f'--trackers: each name can be there once, got {names}')
    conventions = list(dict.fromkeys(['mmtrack', 'otb', args.convention]))
    figures = {}
    for tracker in trackers:
        figures[tracker.name] = run_tracker(
            tracker, videos, args.out / tracker.name, args.seed, conventions, problems
        )
    total = len(videos) + len(problems)
    print(write_comparison(args.out / 'comparison.csv', figures, args.convention, total))
    if any(figure['videos'] < total for figure in figures.values()):
        print('videos were left out: rows may be of different ones; see summary.json of each')
        return LEFT_OUT
    return 0


if __name__ == '__main__':
    sys.exit(main())
