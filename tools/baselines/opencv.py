# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""OpenCV's own trackers. CSRT and KCF are in the package opencv-contrib-python only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from tlpg_mmtrack.utils.errors import InputError, PackageError

FACTORIES = {
    'csrt': 'TrackerCSRT_create',
    'kcf': 'TrackerKCF_create',
    'mil': 'TrackerMIL_create',
}


class OpenCVTracker:
    """One of OpenCV's trackers with its default parameters.

    OpenCV takes and gives whole pixels: the first box is rounded. Where a tracker says that it
    lost the target, the last box stays.

    Args:
        name: A key of :data:`FACTORIES`.

    Raises:
        InputError: If there is none of this name.
        PackageError: If this build of OpenCV lacks it.
    """

    def __init__(self, name: str) -> None:
        if name not in FACTORIES:
            raise InputError(f'tracker: must be one of {sorted(FACTORIES)}, got {name!r}')
        if not hasattr(cv2, FACTORIES[name]):
            raise PackageError(
                f'tracker {name!r}: this OpenCV, {cv2.__version__}, lacks it; pip install '
                "--no-deps --target peers 'opencv-contrib-python>=4.8,<5', then run the same "
                'command with PYTHONPATH=peers'
            )
        self.name = name
        self._create = getattr(cv2, FACTORIES[name])
        self._tracker: Any = None
        self._box = np.zeros(4)

    def identity(self) -> dict[str, Any]:
        """The tracker's name and OpenCV's version."""
        return dict(tracker=self.name, opencv=cv2.__version__)

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Learn the target; see :class:`~.protocol.PeerTracker`.

        Raises:
            InputError: If OpenCV refuses frame or box.
        """
        x, y, width, height = (round(float(value)) for value in box)
        self._box = np.array([x, y, max(width, 1), max(height, 1)], dtype=np.float64)
        self._tracker = self._create()
        with self._failure_named():
            self._tracker.init(frame, tuple(int(value) for value in self._box))

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Find the target; see :class:`~.protocol.PeerTracker`.

        Raises:
            InputError: If OpenCV fails on the frame.
        """
        with self._failure_named():
            found, box = self._tracker.update(frame)
        if found:
            self._box = np.array(box, dtype=np.float64)
        return self._box.copy()

    @contextmanager
    def _failure_named(self) -> Iterator[None]:
        try:
            yield
        except cv2.error as error:
            raise InputError(f'tracker {self.name!r} fails on this video: {error}') from error
