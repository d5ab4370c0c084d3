# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Check a downloaded benchmark and write mmtrack's list of its videos. Downloads nothing.

Every missing or malformed file is named, and nothing is written then.

Exit code 1: with --partial, videos were left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command_line import BAD_INPUT, LEFT_OUT, command
from dataset_check import BENCHMARKS, write_list

from tlpg_mmtrack.utils.errors import InputError


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='docs/evaluation.md shows where each benchmark is expected.',
    )
    parser.add_argument('name', choices=sorted(BENCHMARKS), help='the benchmark')
    parser.add_argument('root', type=Path, help='its folder, such as data/OTB100')
    parser.add_argument(
        '--partial',
        action='store_true',
        help='list the videos that are whole although others are not; figures over them are not '
        "the benchmark's",
    )
    return parser.parse_args()


@command()
def main() -> int:
    """Check a benchmark, and write its list.

    Returns:
        Exit code.
    """
    arguments = parse_arguments()
    if not arguments.root.is_dir():
        raise InputError(
            f'{arguments.root} is not a folder; pass the one that holds the benchmark'
        )
    check, list_name = BENCHMARKS[arguments.name]
    findings = check(arguments.root)
    for problem in findings.problems:
        print(problem)
    path = arguments.root / 'annotations' / list_name
    frames = sum(video.length for video in findings.videos)
    print(
        f'{arguments.name}: {len(findings.videos)} videos with {frames} frames are whole; '
        f'{len(findings.problems)} problems'
    )
    if not findings.videos or (findings.problems and not arguments.partial):
        print(f'{path} was not written')
        return BAD_INPUT
    write_list(path, findings.videos)
    print(f'wrote {path}')
    return LEFT_OUT if findings.problems else 0


if __name__ == '__main__':
    sys.exit(main())
