# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Transforms that turn sequences into training crops."""

from .crop_like_tracker import CropLikeTracker
from .cut_and_paste import CutAndPaste
from .load_tracking_frames import LoadTrackingFrames
from .paste_distractors import PasteDistractors
from .paste_occluders import PasteOccluders
from .sample_tracking_frames import SampleTrackingFrames
from .tracking_crop import TrackingCrop
from .tracking_photometric import TrackingPhotometric

__all__ = [
    'CropLikeTracker',
    'CutAndPaste',
    'LoadTrackingFrames',
    'PasteDistractors',
    'PasteOccluders',
    'SampleTrackingFrames',
    'TrackingCrop',
    'TrackingPhotometric',
]
