# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""VOT's measures of supervised runs: expected average overlap, accuracy, robustness.

In a supervised run (VOT challenge, short-term) a tracker whose region no longer overlaps the true
one has failed; it is started again five frames later. Written from the challenge's reports
(Kristan et al., 2015 to 2018); docs/evaluation.md says which details those leave open.

A region is 4 numbers, a box (x, y, width, height), or 8, the corners x1, y1, ..., x4, y4 of a
convex quadrilateral, in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlpg_mmtrack.compat.vot import FAILED, STARTED
from tlpg_mmtrack.utils.errors import InputError

#: Frames from a failure to the next start.
RESTART_AFTER = 5
#: Frames from a start that do not count in accuracy, the start included.
BURN_IN = 10


@dataclass(frozen=True)
class SupervisedRun:
    """A supervised run over one video.

    Attributes:
        name: The video's name.
        regions: For each frame a region of 4 or 8 numbers, or a single one: ``SKIPPED``,
            ``STARTED`` or ``FAILED``.
        truth: For each frame the true region.
        size: (width, height) of the frames.
    """

    name: str
    regions: Sequence[np.ndarray]
    truth: Sequence[np.ndarray]
    size: tuple[int, int]


#: For each challenge the shortest and longest run, in frames with the start, that its expected
#: average overlap is taken over.
INTERVALS = {'vot2018': (100, 356), 'vot2019': (46, 291)}


@dataclass(frozen=True)
class SupervisedScores:
    """What supervised runs are worth.

    Attributes:
        eao: Expected average overlap, 0..1.
        accuracy: Mean overlap while the target is tracked, 0..1: of each video, weighted by its
            length.
        robustness: Failures for every 100 frames.
        failures: Number of failures.
    """

    eao: float
    accuracy: float
    robustness: float
    failures: int


def score_runs(runs: Sequence[SupervisedRun], challenge: str) -> SupervisedScores:
    """Score supervised runs over several videos by one of ``INTERVALS``.

    Raises:
        InputError: If one is malformed, or all are too short; it names the video.
    """
    videos = [_codes_and_overlaps(run) for run in runs]
    lengths = [len(codes) for codes, _ in videos]
    failures = sum(int((codes == FAILED).sum()) for codes, _ in videos)
    fragments = [fragment for video in videos for fragment in split(*video)]
    return SupervisedScores(
        eao=expected_average_overlap(fragments, *INTERVALS[challenge]),
        accuracy=float(np.average([_accuracy(*video) for video in videos], weights=lengths)),
        robustness=100 * failures / sum(lengths),
        failures=failures,
    )


def split(codes: np.ndarray, overlaps: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """Cut a video's run into fragments, from each start to the failure or the video's end.

    A failure so near the end that no frame is left to start again from does not count.

    Args:
        codes: (n,) what each frame is: ``SKIPPED``, ``STARTED``, ``FAILED``, or -1, tracked.
        overlaps: (n,) overlap of each tracked frame; NaN of others.

    Returns:
        Of each the overlaps of its tracked frames, and whether it ended in a failure that counts.
    """
    fragments = []
    for start in np.flatnonzero(codes == STARTED):
        ends = start + 1 + np.flatnonzero(codes[start + 1 :] != -1)
        end = ends[0] if ends.size else len(codes)
        part, failed = overlaps[start + 1 : end], end < len(codes)
        if failed and end + RESTART_AFTER >= len(codes):
            # It lasts to the end of the video, in which it overlaps nothing any more.
            part, failed = np.append(part, np.zeros(len(codes) - end)), False
        fragments.append((part, failed))
    return fragments


def expected_average_overlap(
    fragments: Sequence[tuple[np.ndarray, bool]], low: int, high: int
) -> float:
    """Mean of the expected overlap curve between two lengths, in frames with the start.

    The curve at N is the mean, over the fragments, of the average overlap in their first N frames
    but the start. A fragment that failed goes on with zeros; one that ended with its video counts
    up to its length. A length that no fragment reaches is left out.

    Raises:
        InputError: If no fragment is as long as the shortest length.
    """
    lengths = np.arange(low - 1, high)
    total, count = np.zeros(len(lengths)), np.zeros(len(lengths))
    for overlaps, failed in fragments:
        sums = np.concatenate(([0.0], np.cumsum(overlaps)))
        counts = failed | (lengths <= len(overlaps))
        averages = sums[np.minimum(lengths, len(overlaps))] / lengths
        total += np.where(counts, averages, 0.0)
        count += counts
    reached = count > 0
    if not reached.any():
        raise InputError(
            f'runs: none is {low} frames long, and none failed; the expected average overlap is '
            'not defined for videos as short as these'
        )
    return float((total[reached] / count[reached]).mean())


def _codes_and_overlaps(run: SupervisedRun) -> tuple[np.ndarray, np.ndarray]:
    """(n,) what each frame is, and its overlap with the truth; see :func:`split`."""
    if len(run.regions) != len(run.truth):
        raise InputError(
            f'video {run.name!r}: {len(run.regions)} frames of results for {len(run.truth)} of '
            'ground truth; track the whole video'
        )
    codes = np.array([region[0] if len(region) == 1 else -1 for region in run.regions])
    tracked = np.flatnonzero(codes == -1)
    overlaps = np.full(len(codes), np.nan)
    try:
        pair = [corners([part[index] for index in tracked]) for part in (run.regions, run.truth)]
    except InputError as error:
        raise InputError(f'video {run.name!r}, among its tracked frames: {error}') from error
    overlaps[tracked] = pixel_overlaps(*pair, run.size)
    return codes, overlaps


def _accuracy(codes: np.ndarray, overlaps: np.ndarray) -> float:
    """Mean overlap of the tracked frames, the burn-in after each start left out; 0 of none."""
    counted = codes == -1
    for start in np.flatnonzero(codes == STARTED):
        counted[start : start + BURN_IN] = False
    return float(overlaps[counted].mean()) if counted.any() else 0.0


def corners(regions: Sequence[np.ndarray]) -> np.ndarray:
    """(n, 4, 2) corners (x, y) of n regions, in order around each.

    Raises:
        InputError: If a region has other than 4 or 8 values, or one that is not finite.
    """
    result = np.empty((len(regions), 4, 2))
    for index, region in enumerate(regions):
        values = np.asarray(region, dtype=np.float64)
        if values.shape not in ((4,), (8,)) or not np.isfinite(values).all():
            raise InputError(
                f'region {index}: must be 4 numbers (x, y, width, height) or 8 (four corners), '
                f'all finite, got {region}'
            )
        if len(values) == 4:
            left, top, right, bottom = *values[:2], *(values[:2] + values[2:])
            values = (left, top, right, top, right, bottom, left, bottom)
        result[index] = np.reshape(values, (4, 2))
    return result


def pixel_overlaps(
    first: np.ndarray, second: np.ndarray, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Intersection over union of pairs of regions, counted in pixels.

    Corners are rounded down to pixels. A pixel row that a region reaches, its first and last
    included, is filled from the region's left border to its right one, both rounded down and
    included. So a box from 10.2 to 12.6 covers the three pixels 10, 11 and 12: small regions come
    out larger than they are, and regions that nearly touch overlap.

    Args:
        first: (n, 4, 2) corners of convex regions.
        second: Likewise.
        size: (width, height) of the image; pixels outside do not count. None for no limit.

    Returns:
        (n,) in 0..1; 0 where no pixel is covered.
    """
    first, second = np.floor(first), np.floor(second)
    tops = np.minimum(first[..., 1].min(axis=1), second[..., 1].min(axis=1))
    bottoms = np.maximum(first[..., 1].max(axis=1), second[..., 1].max(axis=1))
    if size is not None:
        tops, bottoms = np.maximum(tops, 0), np.minimum(bottoms, size[1] - 1)
    rows = tops[:, None] + np.arange(max(int((bottoms - tops).max(initial=0)) + 1, 1))
    inside = rows <= bottoms[:, None]
    spans = [_row_spans(region, rows, size) for region in (first, second)]
    common = (np.maximum(spans[0][0], spans[1][0]), np.minimum(spans[0][1], spans[1][1]))
    areas = [
        (np.maximum(right - left + 1, 0) * inside).sum(axis=1) for left, right in (*spans, common)
    ]
    union = areas[0] + areas[1] - areas[2]
    return np.divide(areas[2], union, out=np.zeros_like(union), where=union > 0)


def _row_spans(
    region: np.ndarray, rows: np.ndarray, size: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel, (n, rows), that regions cover in each row; first > last for none."""
    left, right = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    for corner in range(4):
        x1, y1 = region[:, corner - 1].T[..., None]
        x2, y2 = region[:, corner].T[..., None]
        crosses = (np.minimum(y1, y2) <= rows) & (rows <= np.maximum(y1, y2))
        # A horizontal edge is crossed at its start; the next edge adds its end.
        share = np.divide(rows - y1, y2 - y1, out=np.zeros(rows.shape), where=y2 != y1)
        x = np.floor(x1 + share * (x2 - x1))
        left = np.where(crosses, np.minimum(left, x), left)
        right = np.where(crosses, np.maximum(right, x), right)
    # Finite, so that the length of an empty span is a number below 1.
    empty = left > right
    left, right = np.where(empty, 0.0, left), np.where(empty, -1.0, right)
    if size is not None:
        left, right = np.maximum(left, 0.0), np.minimum(right, size[0] - 1)
    return left, right
