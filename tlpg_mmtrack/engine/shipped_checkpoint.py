# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Shipped weights where mmengine reads a checkpoint, as ``tlpg://CONFIG``."""

from __future__ import annotations

from mmengine.runner.checkpoint import CheckpointLoader

from tlpg_mmtrack.utils.checkpoint import read_weights
from tlpg_mmtrack.utils.model_zoo import checkpoint_path


@CheckpointLoader.register_scheme(prefixes='tlpg://')
def load_shipped_checkpoint(filename: str, map_location: str | None = None) -> dict:
    """Read shipped weights, for ``--checkpoint`` and ``load_from``.

    Args:
        filename: ``tlpg://`` and a config's name.
        map_location: Not needed: mmengine copies the weights into its model.

    Raises:
        FileNotFoundError: If none come with the package for that config.
    """
    return dict(state_dict=read_weights(checkpoint_path(filename)))
