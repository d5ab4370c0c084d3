# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training data: images with masks or boxes and short videos as sequences; videos to test on."""

from .evaluation_datasets import GOT10kValidationDataset, VideoFolderDataset
from .stored_feature_dataset import StoredFeatureDataset
from .tracking_image_dataset import TrackingImageDataset
from .tracking_source import TrackingSource
from .tracking_video_dataset import TrackingVideoDataset
from .transforms.crops import CropLikeTracker, TrackingCrop
from .transforms.frames import LoadFrame, LoadTrackingFrames, SampleTrackingFrames
from .transforms.pasting import CutAndPaste, PasteDistractors, PasteOccluders
from .transforms.photometric import TrackingPhotometric
from .weighted_tracking_dataset import WeightedTrackingDataset
