# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the harness needs of a tracker."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class PeerTracker(Protocol):
    """A tracker of one object; ``start`` forgets whatever was tracked before.

    Frames are (H, W, 3) uint8, BGR. Boxes are (4,), (x, y, width, height) in frame pixels, the
    first pixel being 0.

    Attributes:
        name: What it is called in tables.
    """

    name: str

    def identity(self) -> dict[str, Any]:
        """What decides its boxes besides the data and the seed; values that JSON has."""

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Learn the target from a video's first frame."""

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Find the target in the next frame; always a box, the last one where it is lost."""
