# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Hold two runs against each other, video by video and attribute by attribute.

Writes into OUT: videos.csv and videos.png, sorted by the difference A - B; with --attributes also
attributes.csv and attributes.png. Figures are shares, 0 to 1. Both folders must hold the same
videos with the same truth; one whose run left videos out, or has not ended, is named.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tlpg_tools.command_line import add_convention, command, describe
from tlpg_tools.reports import (
    FIGURES,
    Run,
    load_runs,
    new_figure,
    report_incomplete,
    save_figure,
    shorten,
    write_csv,
)

from tlpg_mmtrack.evaluation.one_pass import CONVENTIONS, score_video, score_videos
from tlpg_mmtrack.utils.box_files import read_lines
from tlpg_mmtrack.utils.errors import InputError

_MOST_BARS = 120


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str  #: Video or attribute.
    count: int  #: Frames of the video, or videos with the attribute.
    first: float  #: The first run's figure, 0..1.
    second: float  #: The second run's.

    @property
    def difference(self) -> float:
        """First less second: positive where the first run is better."""
        return self.first - self.second


def compare_videos(first: Run, second: Run, convention: str, measure: str) -> list[Row]:
    """Hold two runs over the same videos against each other, by one of ``FIGURES``.

    Returns:
        A row a video, greatest difference first. Videos of which no frame counts are not there.
    """
    rules = CONVENTIONS[convention]
    rows = []
    for name, video in first.videos.items():
        scores = [score_video(one, rules) for one in (video, second.videos[name])]
        if None not in scores:
            rows.append(Row(name, len(video.truth), *(getattr(one, measure) for one in scores)))
    return _sorted(rows)


def compare_attributes(
    first: Run,
    second: Run,
    attributes: Mapping[str, Sequence[str]],
    convention: str,
    measure: str,
) -> list[Row]:
    """The same over all videos that have an attribute, one row an attribute.

    Raises:
        InputError: If no video of the runs has an attribute; those of others do not matter.
    """
    rules = CONVENTIONS[convention]
    videos: dict[str, list[str]] = {}
    for video in first.videos:
        for attribute in attributes.get(video, ()):
            videos.setdefault(attribute, []).append(video)
    if not videos:
        raise InputError(
            f'attributes: none of the videos of {first.path} has one; name videos as the files in '
            f'its folder videos/ are named, such as {next(iter(first.videos))!r}'
        )
    rows = []
    for attribute, names in videos.items():
        figures = (
            getattr(score_videos([run.videos[name] for name in names], rules), measure)
            for run in (first, second)
        )
        rows.append(Row(attribute, len(names), *figures))
    return _sorted(rows)


def write_rows(
    path: Path, rows: Sequence[Row], kind: str, count: str, names: Sequence[str]
) -> None:
    """Write rows as CSV, with headings of their names, their counts and the two figures."""
    write_csv(
        path,
        [kind, count, *names, 'difference'],
        [[row.name, row.count, row.first, row.second, row.difference] for row in rows],
    )


def plot_rows(path: Path, rows: Sequence[Row], title: str) -> None:
    """Write the differences as bars, PNG.

    Of more than 120 rows those in the middle, which differ least, are left out, and the title
    says so.
    """
    half = _MOST_BARS // 2
    shown = list(rows) if len(rows) <= _MOST_BARS else [*rows[:half], *rows[-half:]]
    if len(shown) < len(rows):
        title += f'\n(the {_MOST_BARS} outermost of {len(rows)})'
    figure = new_figure(7, 1.6 + 0.2 * len(shown))
    axes = figure.add_subplot()
    colours = ['tab:green' if row.difference >= 0 else 'tab:red' for row in shown]
    axes.barh(range(len(shown)), [row.difference for row in shown], color=colours)
    axes.set_yticks(range(len(shown)), [row.name for row in shown], fontsize='x-small')
    axes.invert_yaxis()
    axes.axvline(0, color='black', lw=0.8)
    axes.grid(axis='x', alpha=0.3)
    axes.set_title(title, fontsize='medium')
    save_figure(path, figure)


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.difference, row.name))


def read_attributes(path: str | Path) -> dict[str, list[str]]:
    """Read each video's attributes.

    Args:
        path: ``.json``: an object, ``{"Basketball": ["IV", "OCC"]}``; or ``.csv``: rows of a
            video's name and its attributes, ``Basketball,IV,OCC``, without a header;
            separated by commas, semicolons or tabs.

    Returns:
        Attributes by the video's name, as the results folders name it.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is of another kind or form.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'attributes: {path} is not a file; check the path')
    lines = read_lines(path)
    if path.suffix == '.json':
        return _from_json(path, '\n'.join(lines))
    if path.suffix != '.csv':
        raise InputError(f'attributes: {path} must end in .json or .csv')
    mark = next((mark for mark in ';\t' if any(mark in line for line in lines)), ',')
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    attributes: dict[str, list[str]] = {}
    for row in filter(None, rows):
        if not row[0] or row[0] in attributes:
            raise InputError(f'attributes: {path}: the video {row[0]!r} is empty or there twice')
        attributes[row[0]] = list(filter(None, row[1:]))
    return attributes


def _from_json(path: Path, text: str) -> dict[str, list[str]]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f'attributes: {path} is no JSON ({error})') from error
    if not isinstance(content, dict) or not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names)
        for names in content.values()
    ):
        raise InputError(
            f'attributes: {path} must be an object of lists of text, such as '
            '{"Basketball": ["IV", "OCC"]}'
        )
    return content


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(
        __doc__,
        'tools/analysis/compare_videos.py work_dirs/compare/tlpg work_dirs/compare/csrt '
        '--out outputs/tlpg_csrt --attributes otb_attributes.csv',
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
        '--measure', choices=FIGURES, default='success', help='default: %(default)s'
    )
    add_convention(parser)
    args = parser.parse_args(arguments)
    attributes = read_attributes(args.attributes) if args.attributes else {}
    runs = load_runs([args.first, args.second])
    rows = compare_videos(*runs, args.convention, args.measure)
    tables = {'video': ('frames', rows)}
    if args.attributes:
        by_attribute = compare_attributes(*runs, attributes, args.convention, args.measure)
        tables['attribute'] = ('videos', by_attribute)
        without = [video for video in runs[0].videos if not attributes.get(video)]
        if without:
            print(f'{len(without)} videos have no attribute: {shorten(without)}', file=sys.stderr)
    report_incomplete(runs)
    uncounted = sorted(set(runs[0].videos) - {row.name for row in rows})
    if uncounted:
        print(f'no frame counts in {shorten(uncounted)}', file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    names = [run.name for run in runs]
    title = f'{args.measure}: {names[0]} - {names[1]} (convention {args.convention})'
    for kind, (count, rows) in tables.items():
        write_rows(args.out / f'{kind}s.csv', rows, kind, count, names)
        plot_rows(args.out / f'{kind}s.png', rows, title)
        print(title)
        for row in rows:
            print(f'{row.difference:+.3f}  {row.first:.3f}  {row.second:.3f}  {row.name}')


if __name__ == '__main__':
    sys.exit(main())
