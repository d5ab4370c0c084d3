# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""VOT's measures of supervised runs: expected average overlap, accuracy, robustness.

In a supervised run (VOT challenge, short-term) a tracker whose region no longer overlaps the true
one has failed; it is started again five frames later. Written from the challenge's reports
(Kristan et al., 2015 to 2018); docs/evaluation.md says which details those leave open.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tlpg_mmtrack.compat.vot import FAILED, STARTED, region_overlaps, to_region
from tlpg_mmtrack.utils.errors import InputError

from .results import VideoResult

RESTART_AFTER = 5  #: Frames from a failure to the next start.
BURN_IN = 10  #: Frames from a start that do not count in accuracy, the start included.
#: For each challenge the shortest and longest run, in frames with the start, that its expected
#: average overlap is taken over.
INTERVALS = {'vot2018': (100, 356), 'vot2019': (46, 291)}


def score_runs(runs: Sequence[VideoResult], challenge: str) -> dict[str, float]:
    """Score supervised runs over several videos by one of ``INTERVALS``.

    ``eao``, expected average overlap, 0..1; ``accuracy``, mean overlap while the target is
    tracked, 0..1, of each video, weighted by its length; ``failures``, their number;
    ``robustness``, failures for every 100 frames. An InputError if a run is malformed, or all are
    too short.
    """
    videos = [_codes_and_overlaps(run) for run in runs]
    lengths = [len(codes) for codes, _ in videos]
    failures = sum(int((codes == FAILED).sum()) for codes, _ in videos)
    fragments = [fragment for video in videos for fragment in split(*video)]
    return dict(
        eao=expected_average_overlap(fragments, *INTERVALS[challenge]),
        accuracy=float(np.average([_accuracy(*video) for video in videos], weights=lengths)),
        robustness=100 * failures / sum(lengths),
        failures=failures,
    )


def split(codes: np.ndarray, overlaps: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """Cut a video's run into fragments, from each start to the failure or the video's end.

    Of (n,) codes, ``SKIPPED``, ``STARTED``, ``FAILED``, or -1, tracked, and (n,) overlaps: of each
    fragment the overlaps of its tracked frames, and whether it ended in a failure that counts. One
    so near the end that no frame is left to start again from does not.
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
    up to its length. A length that no fragment reaches is left out; an InputError if all are.
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


def _codes_and_overlaps(run: VideoResult) -> tuple[np.ndarray, np.ndarray]:
    """(n,) what each frame is, and its overlap with the truth; see :func:`split`."""
    regions, truth = ([to_region(values) for values in part] for part in (run.regions, run.truth))
    if len(regions) != len(truth):
        raise InputError(
            f'video {run.name!r}: {len(regions)} frames of results for {len(truth)} of ground '
            'truth; track the whole video'
        )
    codes = np.array([region.item() if region.size == 1 else -1 for region in regions])
    for index in np.flatnonzero(codes == -1):
        if not (np.isfinite(regions[index]).all() and np.isfinite(truth[index]).all()):
            raise InputError(f'video {run.name!r}, frame {index}: a region is not finite')
    return codes, np.array(region_overlaps(regions, truth, run.size))


def _accuracy(codes: np.ndarray, overlaps: np.ndarray) -> float:
    """Mean overlap of the tracked frames, the burn-in after each start left out; 0 of none."""
    counted = codes == -1
    for start in np.flatnonzero(codes == STARTED):
        counted[start : start + BURN_IN] = False
    return float(overlaps[counted].mean()) if counted.any() else 0.0
