# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The warning that names what a training set leaves out."""

from __future__ import annotations

from tlpg_mmtrack.utils.errors import InputError


class CorpusWarning(InputError, UserWarning):
    """A file, an object or a video of a training set cannot be used; the message names it.

    ``WeightedTrackingDataset(on_unusable='stop')`` makes it an error.
    """
