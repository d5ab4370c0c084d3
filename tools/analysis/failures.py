# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Say of a run's worst sequences whether the place or the size of the box is at fault.

Writes into OUT: failures.csv and failures.md, the table that is printed, and failures.png, frames
of each sequence with truth and box. Nothing is tracked. docs/failures.md explains the columns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from command_line import command


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/analysis/failures.py work_dirs/compare/tlpg '
        '--data data/OTB100/data --out outputs/failures',
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
    parser.add_argument(
        '--convention',
        choices=('otb', 'lasot', 'got10k'),
        default='otb',
        help='which frames count; docs/evaluation.md says how they differ (default: %(default)s)',
    )
    return parser.parse_args(arguments)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_arguments(arguments)
    from reports.failures import (
        draw_failures,
        match_folder,
        worst_sequences,
        write_table,
    )
    from reports.runs import load_run

    run = load_run(args.results)
    videos = match_folder(run, args.data)
    rows = worst_sequences(run, args.convention, args.count)
    args.out.mkdir(parents=True, exist_ok=True)
    table = write_table(args.out, rows, run, args.convention)
    draw_failures(args.out / 'failures.png', rows, videos)
    if run.incomplete:
        print(f'incomplete: {run.path}: {run.incomplete}', file=sys.stderr)
    print(table, end='')


if __name__ == '__main__':
    sys.exit(main())
