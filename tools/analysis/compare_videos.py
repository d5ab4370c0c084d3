# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Hold two runs against each other, video by video and attribute by attribute.

Writes into OUT: videos.csv and videos.png, sorted by the difference A - B; with --attributes also
attributes.csv and attributes.png. Figures are shares, 0 to 1. Both folders must hold the same
videos with the same truth; one whose run left videos out, or has not ended, is named.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from command_line import command

MEASURES = (
    'success',
    'precision',
    'norm_precision',
    'norm_precision_auc',
    'average_overlap',
    'success_50',
    'success_75',
)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/analysis/compare_videos.py work_dirs/compare/tlpg '
        'work_dirs/compare/csrt --out outputs/tlpg_csrt --attributes otb_attributes.csv',
    )
    parser.add_argument('first', type=Path, metavar='A', help='a results folder')
    parser.add_argument('second', type=Path, metavar='B', help='the one to compare it with')
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument(
        '--attributes',
        type=Path,
        help='attributes of the videos: .csv, rows like Basketball,IV,OCC without a header; or '
        '.json, {"Basketball": ["IV", "OCC"]}',
    )
    parser.add_argument(
        '--measure', choices=MEASURES, default='success', help='default: %(default)s'
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
    """Write the tables and pictures, and print the tables."""
    args = parse_arguments(arguments)
    from reports.attributes import read_attributes
    from reports.comparison import compare_attributes, compare_videos
    from reports.runs import load_runs, shorten

    attributes = None if args.attributes is None else read_attributes(args.attributes)
    runs = load_runs([args.first, args.second])
    rows = compare_videos(*runs, args.convention, args.measure)
    by_attribute = None
    if attributes is not None:
        by_attribute = compare_attributes(*runs, attributes, args.convention, args.measure)
        without = [video for video in runs[0].videos if not attributes.get(video)]
        if without:
            print(f'{len(without)} videos have no attribute: {shorten(without)}', file=sys.stderr)
    for one in runs:
        if one.incomplete:
            print(f'incomplete: {one.path}: {one.incomplete}', file=sys.stderr)
    uncounted = sorted(set(runs[0].videos) - {row.name for row in rows})
    if uncounted:
        print(f'no frame counts in {shorten(uncounted)}', file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    names = [one.name for one in runs]
    write_table(args, 'video', 'frames', rows, names)
    if by_attribute is not None:
        write_table(args, 'attribute', 'videos', by_attribute, names)


def write_table(
    args: argparse.Namespace, kind: str, count: str, rows: list, names: list[str]
) -> None:
    """Write one table as CSV and PNG, and print it."""
    from reports.comparison import plot_rows, write_rows

    title = f'{args.measure}: {names[0]} - {names[1]} (convention {args.convention})'
    write_rows(args.out / f'{kind}s.csv', rows, kind, count, names)
    plot_rows(args.out / f'{kind}s.png', rows, title)
    print(title)
    for row in rows:
        print(f'{row.difference:+.3f}  {row.first:.3f}  {row.second:.3f}  {row.name}')


if __name__ == '__main__':
    sys.exit(main())
