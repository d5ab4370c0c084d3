# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Plot success, precision and normalised-precision curves of several trackers' results.

Writes into OUT: success, precision and norm_precision, each as .png and .csv (one column a
tracker), and figures.csv. Legends are sorted by the figure in them. All folders must hold the same
videos with the same truth; one whose run left videos out, or has not ended, is named and gets a
star.
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
        epilog='example: python tools/analysis/plot_curves.py work_dirs/compare/tlpg '
        'work_dirs/compare/csrt --out outputs/curves',
    )
    parser.add_argument(
        'results',
        nargs='+',
        type=Path,
        help='results folders: work_dirs/NAME/results of tools/test.py, or OUT/TRACKER of '
        'tools/compare.py; the folder is the name in the legend',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
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
    from reports.curves import plot_curves
    from reports.runs import load_runs

    runs = load_runs(args.results)
    scores = plot_curves(runs, args.convention, args.out)
    for run in runs:
        if run.incomplete:
            print(f'incomplete: {run.path}: {run.incomplete}', file=sys.stderr)
    print(f'convention {args.convention}, {len(runs[0].videos)} videos, percent')
    for name, score in scores.items():
        print(
            f'{100 * score.success:6.2f} success  {100 * score.precision:6.2f} precision  '
            f'{100 * score.norm_precision:6.2f} normalised precision  {name}'
        )


if __name__ == '__main__':
    sys.exit(main())
