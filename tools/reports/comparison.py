# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Two runs compared: video by video, and attribute by attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpg_mmtrack.evaluation.measures import get_convention, score_video, score_videos
from tlpg_mmtrack.utils.errors import InputError

from .curves import FIGURES
from .files import new_figure, save_figure, write_csv
from .runs import Run

_MOST_BARS = 120


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        name: Video or attribute.
        count: Frames of the video, or videos with the attribute.
        first: The first run's figure, 0..1.
        second: The second run's.
    """

    name: str
    count: int
    first: float
    second: float

    @property
    def difference(self) -> float:
        """First less second: positive where the first run is better."""
        return self.first - self.second


def compare_videos(first: Run, second: Run, convention: str, measure: str) -> list[Row]:
    """Hold two runs over the same videos against each other.

    Args:
        first: One run.
        second: The other.
        convention: A name of :data:`~tlpg_mmtrack.evaluation.measures.CONVENTIONS`.
        measure: One of :data:`~.curves.FIGURES`.

    Returns:
        A row a video, greatest difference first. Videos of which no frame counts are not there.

    Raises:
        InputError: If convention or measure is unknown.
    """
    rules = get_convention(convention)
    _check_measure(measure)
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

    Args:
        first: One run.
        second: The other.
        attributes: Attributes by video; those of videos that the runs lack do not matter.
        convention: As in :func:`compare_videos`.
        measure: As in :func:`compare_videos`.

    Raises:
        InputError: If convention or measure is unknown, or no video of the runs has an attribute.
    """
    rules = get_convention(convention)
    _check_measure(measure)
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
    """Write rows as CSV.

    Args:
        path: File to write.
        rows: The rows.
        kind: Heading of their names, 'video' or 'attribute'.
        count: Heading of their counts.
        names: Headings of the two figures.
    """
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


def _check_measure(measure: str) -> None:
    if measure not in FIGURES:
        raise InputError(f'measure: must be one of {FIGURES}, got {measure!r}')


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.difference, row.name))
