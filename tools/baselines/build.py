# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Trackers from what the command line calls them."""

from __future__ import annotations

from tlpg_mmtrack.utils.errors import InputError

from .opencv import FACTORIES, OpenCVTracker
from .protocol import PeerTracker

TLPG = 'tlpg'
UNTRAINED = 'untrained'


def build_tracker(
    text: str,
    config: str | None = None,
    checkpoint: str | None = None,
    device: str | None = None,
    seed: int = 0,
) -> PeerTracker:
    """Build one tracker.

    Args:
        text: ``tlpg``; ``csrt``, ``kcf`` or ``mil``; or ``NAME=CONFIG:CHECKPOINT``, a model of
            mmtrack's, where ``untrained`` instead of a checkpoint asks for random weights.
        config: Config of ``tlpg``; that of its weights where None.
        checkpoint: Weights of ``tlpg``; the shipped ones where None.
        device: Where networks run; a GPU if there is one, where None.
        seed: Random seed of ``tlpg``, and of an untrained model's weights.

    Raises:
        InputError: If there is no such tracker, or as its constructor says.
        FileNotFoundError: If a file is not there.
        PackageError: If OpenCV lacks it.
    """
    name, _, files = text.partition('=')
    if files:
        path, _, weights = files.rpartition(':')
        # Of mmtrack::CONFIG without a checkpoint a colon is left.
        complete = path and weights and not path.endswith(':')
        # A results folder gets the name.
        usable = name not in ('', '.', '..') and not any(mark in name for mark in '/\\')
        if not complete or not usable:
            raise InputError(
                f'trackers: {text!r} must have the form NAME=CONFIG:CHECKPOINT; nothing is '
                f'downloaded: for random weights, to try a config, pass NAME=CONFIG:{UNTRAINED}'
            )
        import torch

        from .mmtrack_model import MMTrackPeer

        device = device or ('cuda:0' if torch.cuda.is_available() else 'cpu')
        return MMTrackPeer(name, path, None if weights == UNTRAINED else weights, device, seed)
    if name == TLPG:
        from tlpg_mmtrack.apis.tracker import Tracker

        from .tlpg import TLPGPeer

        return TLPGPeer(Tracker.from_pretrained(config, checkpoint, device, seed))
    if name in FACTORIES:
        return OpenCVTracker(name)
    raise InputError(
        f'trackers: {text!r} must be one of {[TLPG, *FACTORIES]}, or NAME=CONFIG:CHECKPOINT for a '
        "model of mmtrack's"
    )
