# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""This project's tracker as one of the peers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tlpg_mmtrack.apis.tracker import Tracker


class TLPGPeer:
    """A :class:`~tlpg_mmtrack.Tracker` for the harness.

    Args:
        tracker: The tracker; its own seed decides what it draws.
        name: What it is called in tables.
    """

    def __init__(self, tracker: Tracker, name: str = 'tlpg') -> None:
        self.name = name
        self._tracker = tracker

    def identity(self) -> dict[str, Any]:
        """Config, weights, seed and device."""
        manifest = self._tracker.manifest()
        return {key: value for key, value in manifest.items() if key != 'versions'}

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Learn the target; see :class:`~.protocol.PeerTracker`."""
        self._tracker.init(frame, box)

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Find the target; see :class:`~.protocol.PeerTracker`."""
        return self._tracker.track(frame).box
