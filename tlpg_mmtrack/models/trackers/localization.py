# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Where the target is on a score map, and how sure that is (DiMP's localisation)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlpg_mmtrack.structures import TrackingState

from .options import TrackingOptions


@dataclass(frozen=True)
class Localization:
    """One reading of a score map."""

    cell: tuple[int, int]  #: (row, column) of the peak that is taken for the target.
    score: float  #: Its score.
    state: TrackingState  #: How sure it is.
    second: float = 0.0  #: Score of the second peak.


def localize(
    scores: np.ndarray, target_size: tuple[float, float], last: float, options: TrackingOptions
) -> Localization:
    """Find the target, of (height, width) ``target_size`` in cells, on an (H, W) score map.

    ``last`` is its last place in cells, the same on both axes.
    """
    first = np.unravel_index(np.argmax(scores), scores.shape)
    score = float(scores[first])
    # Written so that a NaN counts as lost.
    if not options.not_found_threshold <= score < np.inf:
        return Localization(first, score, TrackingState.NOT_FOUND)
    others = scores.copy()
    reach = [options.neighbourhood * side / 2 for side in target_size]
    top, left = (max(0, round(c - r)) for c, r in zip(first, reach, strict=True))
    bottom, right = (round(c + r) + 1 for c, r in zip(first, reach, strict=True))
    others[top:bottom, left:right] = -np.inf
    second = np.unravel_index(np.argmax(others), scores.shape)
    second_score = float(others[second])
    if second_score > options.distractor_threshold * score:
        # Two peaks are alike: take the one near the last place if the other is far from it.
        reach = options.displacement * float(np.prod(target_size)) ** 0.5
        first_far, second_far = (
            float(np.linalg.norm(np.array(cell) - last)) > reach for cell in (first, second)
        )
        if first_far == second_far:
            return Localization(first, score, TrackingState.UNCERTAIN, second_score)
        if first_far:
            first, score, second_score = second, second_score, score
        return Localization(first, score, TrackingState.HARD_NEGATIVE, second_score)
    if second_score > max(options.hard_negative_threshold * score, options.not_found_threshold):
        return Localization(first, score, TrackingState.HARD_NEGATIVE, second_score)
    return Localization(first, score, TrackingState.NORMAL, second_score)
