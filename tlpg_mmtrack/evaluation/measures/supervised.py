# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""VOT's measures of supervised runs: expected average overlap, accuracy, robustness.

In a supervised run (VOT challenge, short-term) a tracker whose region no longer overlaps the true
one has failed; it is started again five frames later. Written from the challenge's reports
(Kristan et al., 2015 to 2018); docs/evaluation.md says which details those leave open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlpg_mmtrack.compat.vot import FAILED, SKIPPED, STARTED
from tlpg_mmtrack.utils.errors import InputError

from .regions import corners, pixel_overlaps, polygon_overlaps

#: Frames from a failure to the next start.
RESTART_AFTER = 5
#: Frames from a start that do not count in accuracy, the start included.
BURN_IN = 10
OVERLAPS = {'pixels': pixel_overlaps, 'polygons': polygon_overlaps}


@dataclass(frozen=True)
class SupervisedRun:
    """A supervised run over one video.

    Attributes:
        name: The video's name.
        regions: For each frame a region of 4 or 8 numbers (see :mod:`.regions`), or a single one:
            ``SKIPPED``, ``STARTED`` or ``FAILED``.
        truth: For each frame the true region.
        size: (width, height) of the frames.
    """

    name: str
    regions: Sequence[np.ndarray]
    truth: Sequence[np.ndarray]
    size: tuple[int, int]


@dataclass(frozen=True)
class SupervisedConvention:
    """What the expected average overlap is taken over.

    Attributes:
        low: Shortest length of a run that counts, in frames.
        high: Longest length that counts.
        start_counts: Whether a length includes the frame of the start. That frame's overlap, which
            the tracker was given, is not averaged in either case.
        late_failure_counts: Whether a failure so near the video's end that no frame is left to
            start again from counts as one; else the run counts as one that reached the end.
        overlap: ``'pixels'`` or ``'polygons'``, see :mod:`.regions`.
    """

    low: int
    high: int
    start_counts: bool
    late_failure_counts: bool
    overlap: str = 'pixels'


#: ``vot2018``, ``vot2019``: gives the figures that trackers' authors print. ``*-mmtrack``: what
#: mmtrack's SOTMetric computes where the VOT toolkit is installed, with this module's overlaps.
SUPERVISED_CONVENTIONS = {
    'vot2018': SupervisedConvention(100, 356, start_counts=True, late_failure_counts=False),
    'vot2019': SupervisedConvention(46, 291, start_counts=True, late_failure_counts=False),
    'vot2018-mmtrack': SupervisedConvention(100, 356, False, True),
    'vot2019-mmtrack': SupervisedConvention(46, 291, False, True),
}


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


@dataclass(frozen=True)
class Fragment:
    """The frames from one start to the failure or the video's end.

    Attributes:
        overlaps: (n,) overlaps of the tracked frames; neither the start nor the failure is one.
        failed: Whether it ended in a failure that counts.
    """

    overlaps: np.ndarray
    failed: bool


def get_supervised_convention(name: str) -> SupervisedConvention:
    """Look a convention up.

    Raises:
        InputError: If there is none of this name.
    """
    if name not in SUPERVISED_CONVENTIONS:
        raise InputError(
            f'convention: must be one of {sorted(SUPERVISED_CONVENTIONS)}, got {name!r}'
        )
    return SUPERVISED_CONVENTIONS[name]


def score_runs(
    runs: Sequence[SupervisedRun], convention: SupervisedConvention
) -> SupervisedScores:
    """Score supervised runs over several videos.

    Raises:
        InputError: If there is no run, or one is malformed; it names the video.
    """
    if not runs:
        raise InputError('runs: there are none; pass one for each video')
    codes = [frame_codes(run) for run in runs]
    overlaps = [
        frame_overlaps(run, code, convention.overlap)
        for run, code in zip(runs, codes, strict=True)
    ]
    parts = [
        fragment
        for code, values in zip(codes, overlaps, strict=True)
        for fragment in split(code, values, convention.late_failure_counts)
    ]
    lengths = [len(code) for code in codes]
    failures = sum(int((code == FAILED).sum()) for code in codes)
    accuracies = [
        video_accuracy(code, values) for code, values in zip(codes, overlaps, strict=True)
    ]
    return SupervisedScores(
        eao=expected_average_overlap(parts, convention),
        accuracy=float(np.average(accuracies, weights=lengths)),
        robustness=100 * failures / sum(lengths),
        failures=failures,
    )


def frame_codes(run: SupervisedRun) -> np.ndarray:
    """(n,) what each frame is: ``SKIPPED``, ``STARTED``, ``FAILED``, or -1 for a tracked one.

    Raises:
        InputError: If the run and the truth differ in length, the first frame is not a start, or
            a code is unknown.
    """
    if len(run.regions) != len(run.truth):
        raise InputError(
            f'video {run.name!r}: {len(run.regions)} frames of results for {len(run.truth)} of '
            'ground truth; track the whole video'
        )
    codes = np.array([region[0] if len(region) == 1 else -1 for region in run.regions])
    if not len(codes) or codes[0] != STARTED:
        raise InputError(f'video {run.name!r}: the first frame must be {STARTED}, a start')
    unknown = np.flatnonzero(~np.isin(codes, (-1, SKIPPED, STARTED, FAILED)))
    if unknown.size:
        raise InputError(
            f'video {run.name!r}: frame {unknown[0]} is {codes[unknown[0]]}; a single number must '
            f'be {SKIPPED} (skipped), {STARTED} (started) or {FAILED} (failed)'
        )
    return codes


def frame_overlaps(run: SupervisedRun, codes: np.ndarray, overlap: str) -> np.ndarray:
    """(n,) overlap of each tracked frame with the truth; NaN where there is no region."""
    tracked = np.flatnonzero(codes == -1)
    result = np.full(len(codes), np.nan)
    try:
        first = corners([run.regions[index] for index in tracked])
        second = corners([run.truth[index] for index in tracked])
    except ValueError as error:
        raise InputError(f'video {run.name!r}, among its tracked frames: {error}') from error
    result[tracked] = OVERLAPS[overlap](first, second, run.size)
    return result


def split(codes: np.ndarray, overlaps: np.ndarray, late_failure_counts: bool) -> list[Fragment]:
    """Cut a video's run into fragments, one for each start."""
    fragments = []
    for start in np.flatnonzero(codes == STARTED):
        ends = start + 1 + np.flatnonzero(codes[start + 1 :] != -1)
        end = ends[0] if ends.size else len(codes)
        part, failed = overlaps[start + 1 : end], end < len(codes)
        if failed and not late_failure_counts and end + RESTART_AFTER >= len(codes):
            # It lasts to the end of the video, in which it overlaps nothing any more.
            part, failed = np.append(part, np.zeros(len(codes) - end)), False
        fragments.append(Fragment(part, failed))
    return fragments


def expected_average_overlap(
    fragments: Sequence[Fragment], convention: SupervisedConvention
) -> float:
    """Mean of the expected overlap curve between the convention's two lengths.

    The curve at N is the mean, over the fragments, of the average overlap in their first N frames.
    A fragment that failed goes on with zeros; one that ended with its video counts up to its
    length. A length that no fragment reaches is left out of the mean.

    Raises:
        InputError: If no fragment is as long as the shortest length that counts.
    """
    lengths = np.arange(convention.low, convention.high + 1) - convention.start_counts
    total, count = np.zeros(len(lengths)), np.zeros(len(lengths))
    for fragment in fragments:
        sums = np.concatenate(([0.0], np.cumsum(fragment.overlaps)))
        counts = fragment.failed | (lengths <= len(fragment.overlaps))
        averages = sums[np.minimum(lengths, len(fragment.overlaps))] / lengths
        total += np.where(counts, averages, 0.0)
        count += counts
    if not count.any():
        raise InputError(
            f'runs: none is {convention.low} frames long, and none failed; the expected average '
            'overlap is not defined for videos as short as these'
        )
    return float((total[count > 0] / count[count > 0]).mean())


def video_accuracy(codes: np.ndarray, overlaps: np.ndarray) -> float:
    """Mean overlap of a video's tracked frames, the burn-in after each start left out.

    Returns:
        0..1; 0 where no frame counts.
    """
    counted = codes == -1
    for start in np.flatnonzero(codes == STARTED):
        counted[start : start + BURN_IN] = False
    return float(overlaps[counted].mean()) if counted.any() else 0.0
