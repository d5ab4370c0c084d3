# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Check a downloaded benchmark and write mmtrack's list of its videos. Downloads nothing.

Every missing or malformed file is named, and nothing is written then: the status is 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tlpg_mmtrack.evaluation.benchmarks import BENCHMARKS, write_list


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


def main() -> int:
    """Run the tool.

    Returns:
        Exit status: 0 where a list was written.
    """
    arguments = parse_arguments()
    if not arguments.root.is_dir():
        print(f'{arguments.root}: is not a folder; pass the one that the benchmark is in')
        return 1
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
        return 1
    write_list(path, findings.videos)
    print(f'wrote {path}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
