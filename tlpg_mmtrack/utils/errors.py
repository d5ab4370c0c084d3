# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Errors made for users."""

from __future__ import annotations


class InputError(ValueError):
    """Something that a user gave and can fix: an option, a path, a file, a box.

    The message names it and says what to do. The tools print it in one line, without a traceback,
    and exit with 2. Any other exception is a fault in code and keeps its traceback.
    """


class PackageError(InputError, ImportError):
    """A package is missing or does not fit; the message says what to install."""


class FileError(InputError, OSError):
    """A file cannot be written; the message names it."""


class CorpusWarning(InputError, UserWarning):
    """A file, an object or a video of a training set cannot be used; the message names it.

    ``WeightedTrackingDataset(on_unusable='stop')`` makes it an error.
    """
