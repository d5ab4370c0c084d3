# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What looks like the target beside it, and must not be taken for it when the target is hidden.

KeepTrack's idea (arXiv 2103.16556): what was followed as something else stays something else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from tlpg_mmtrack.structures import TrackingState

from .localization import Localization

REACH = 0.5  #: How far a look-alike moves from one frame to the next, in target sizes.
APART = 0.6  #: A peak that is nearer to the target's is its own.
#: What is this near to where the target was expected is the target; the target is this near.
HERE, NEAR = 0.3, 0.8
#: Share of the target's score that a look-alike has; of a look-alike's that the target has.
ALIKE, LEFT = 0.5, 0.3
LONGEST = 5  #: Frames after which, the target being lost, any of them may be the target.
MOST = 6  #: Peaks that count.


@dataclass(frozen=True)
class Peaks:
    """The highest peaks of a score map, the highest first."""

    cells: np.ndarray  #: (n, 2), (row, column).
    scores: np.ndarray  #: (n,).
    centers: np.ndarray  #: (n, 2), (x, y) in frame pixels.


def peak_cells(scores: np.ndarray, least: float) -> np.ndarray:
    """(n, 2), (row, column) of the peaks of an (H, W) map that score this much, highest first."""
    top = cv2.dilate(scores, np.ones((3, 3), np.uint8))
    cells = np.argwhere((scores >= top) & (scores >= least))
    return cells[np.argsort(-scores[tuple(cells.T)], kind='stable')[:MOST]]


class LookAlikes:
    """The look-alikes of one target, followed from frame to frame."""

    def __init__(self) -> None:
        self._centers = np.empty((0, 2))
        self._missed = 0

    def separate(
        self, place: Localization, peaks: Peaks, expected: np.ndarray, size: float
    ) -> Localization:
        """The place itself, if it is no look-alike's; else another peak near, or not found.

        The target is ``expected`` at (x, y), and of a ``size``, in frame pixels.
        """
        here = np.flatnonzero((peaks.cells == place.cell).all(axis=1))
        if not (len(self._centers) and len(here)):
            return place
        others = _distances(peaks.centers, self._centers).min(axis=1) / size
        away = np.linalg.norm(peaks.centers - expected, axis=1) / size
        mine, index = others > REACH, here[0]
        if mine[index] or away[index] < max(HERE, others[index]):
            return place
        mine &= (away < NEAR) & (peaks.scores > LEFT * place.score)
        if not mine.any():
            return replace(place, state=TrackingState.NOT_FOUND)
        best = int(mine.argmax())
        cell, score = tuple(peaks.cells[best]), float(peaks.scores[best])
        return Localization(cell, score, TrackingState.HARD_NEGATIVE, place.score)

    def remember(self, peaks: Peaks, score: float, center: np.ndarray, size: float) -> None:
        """Take the peaks beside a sure target of this score, centre (x, y) and size in pixels."""
        apart = np.linalg.norm(peaks.centers - center, axis=1) > APART * size
        self._centers = peaks.centers[apart & (peaks.scores >= ALIKE * score)]
        self._missed = 0

    def follow(self, peaks: Peaks | None, size: float) -> None:
        """Follow them in a frame in which the target is not found."""
        self._missed += 1
        if self._missed >= LONGEST:
            self.forget()
        elif peaks is not None and len(peaks.centers) and len(self._centers):
            away = _distances(self._centers, peaks.centers)
            seen = away.min(axis=1) < REACH * size
            nearest = peaks.centers[away.argmin(axis=1)]
            self._centers = np.where(seen[:, None], nearest, self._centers)

    def forget(self) -> None:
        """Where the target is unsure, nothing is known to be something else."""
        self._centers = self._centers[:0]


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) distances of (n, 2) and (m, 2) points."""
    return np.linalg.norm(first[:, None] - second, axis=2)
