# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Results on disk: one file a video, written whole or not at all, and what they belong to."""

from .fingerprint import data_fingerprint
from .folder import ResultsFolder, VideoResult
from .manifest import environment, run_identity, weights_sha256
from .names import video_names
from .repeats import summarise_repeats
from .submission import SUBMISSIONS, write_submission
from .video_record import VideoRecord

__all__ = [
    'SUBMISSIONS',
    'ResultsFolder',
    'VideoRecord',
    'VideoResult',
    'data_fingerprint',
    'environment',
    'run_identity',
    'summarise_repeats',
    'video_names',
    'weights_sha256',
    'write_submission',
]
