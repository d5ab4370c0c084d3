# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What tracking results are worth: plain functions of numpy arrays, one file a family."""

from .conventions import CONVENTIONS, Convention, get_convention
from .one_pass import OnePassScores, TrackedVideo, mean_scores, score_video, score_videos
from .supervised import (
    SUPERVISED_CONVENTIONS,
    SupervisedConvention,
    SupervisedRun,
    SupervisedScores,
    get_supervised_convention,
    score_runs,
)

__all__ = [
    'CONVENTIONS',
    'SUPERVISED_CONVENTIONS',
    'Convention',
    'OnePassScores',
    'SupervisedConvention',
    'SupervisedRun',
    'SupervisedScores',
    'TrackedVideo',
    'get_convention',
    'get_supervised_convention',
    'mean_scores',
    'score_runs',
    'score_video',
    'score_videos',
]
