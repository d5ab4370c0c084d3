# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is kept of a video while it is tracked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .folder import VideoResult

# Numbers of the longest region, four corners.
_MOST_NUMBERS = 8


class VideoRecord:
    """The frames of one video so far, in arrays that are as long as the video from the start.

    A small object kept of every frame would lie in the memory that the frame before it has left,
    and the next frame would no longer fit there: 20,000 such objects can cost as many frames.

    Args:
        frames: Number of the video's frames.
    """

    def __init__(self, frames: int) -> None:
        self.frames = 0
        # Written to, not only asked for: else it becomes resident as the video goes on.
        self._regions = np.full((frames, _MOST_NUMBERS), np.nan, dtype=np.float32)
        self._truth = self._regions.copy()
        self._region_sizes = np.full(frames, 0, dtype=np.uint8)
        self._truth_sizes = self._region_sizes.copy()
        self._visible = np.full(frames, False)
        self._times = np.full(frames, np.nan)

    def add(
        self, region: Sequence[float], truth: Sequence[float] | None, visible: bool, time: float
    ) -> None:
        """Note the next frame.

        Args:
            region: 4 numbers, or VOT's single one; see :class:`VideoResult`.
            truth: 4 or 8 numbers, or None where the data set gives none.
            visible: Whether the target can be seen.
            time: Seconds that tracking took.
        """
        frame = self.frames
        self._regions[frame, : len(region)] = region
        self._region_sizes[frame] = len(region)
        if truth is not None:
            self._truth[frame, : len(truth)] = truth
            self._truth_sizes[frame] = len(truth)
        self._visible[frame] = visible
        self._times[frame] = time
        self.frames += 1

    def result(
        self, name: str, size: tuple[int, int], fingerprint: str | None = None
    ) -> VideoResult:
        """The record of a whole video, as it is written.

        Args:
            name: The video's name.
            size: (width, height) of its frames.
            fingerprint: As in :class:`VideoResult`.
        """
        return VideoResult(
            name=name,
            size=size,
            regions=_rows(self._regions, self._region_sizes),
            truth=_rows(self._truth, self._truth_sizes),
            visible=self._visible.tolist(),
            times=self._times.tolist(),
            fingerprint=fingerprint,
        )


def _rows(values: np.ndarray, sizes: np.ndarray) -> list[list[float]]:
    """The first numbers of every row, as many as it has; rows of none are left out."""
    return [row[:size].tolist() for row, size in zip(values, sizes, strict=True) if size]
