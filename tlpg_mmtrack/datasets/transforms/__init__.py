# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Transforms that turn sequences into training crops."""

from .crops import CropLikeTracker, TrackingCrop
from .frames import LoadFrame, LoadTrackingFrames, SampleTrackingFrames
from .pasting import CutAndPaste, PasteDistractors, PasteOccluders
from .photometric import TrackingPhotometric

__all__ = [
    'CropLikeTracker',
    'CutAndPaste',
    'LoadFrame',
    'LoadTrackingFrames',
    'PasteDistractors',
    'PasteOccluders',
    'SampleTrackingFrames',
    'TrackingCrop',
    'TrackingPhotometric',
]
