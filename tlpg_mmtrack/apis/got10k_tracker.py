# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A tracker for the experiments of the ``got10k`` package (pip install got10k)."""

from __future__ import annotations

import numpy as np
from got10k.trackers import Tracker as PackageTracker
from PIL import Image

from tlpg_mmtrack.apis.tracker import Tracker


class GOT10kTracker(PackageTracker):
    """Lets the package's ``Experiment*`` classes run a :class:`~tlpg_mmtrack.Tracker`.

    Args:
        tracker: The tracker; its seed makes it repeat itself.
        name: Name of its folder of results.

    Example:
        >>> from got10k.experiments import ExperimentGOT10k
        >>> tracker = GOT10kTracker(Tracker.from_pretrained())
        >>> ExperimentGOT10k('data/GOT10k', subset='val').run(tracker)
    """

    def __init__(self, tracker: Tracker, name: str = 'TLPG') -> None:
        super().__init__(name, is_deterministic=True)
        self._tracker = tracker

    def init(self, image: Image.Image, box: np.ndarray) -> None:
        """Start on an object in an RGB picture; ``box`` is (x, y, width, height) in pixels."""
        self._tracker.init(_to_frame(image), box)

    def update(self, image: Image.Image) -> np.ndarray:
        """Find the object in the next RGB picture: (4,), (x, y, width, height) in pixels."""
        return self._tracker.track(_to_frame(image)).box


def _to_frame(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8, BGR."""
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])
