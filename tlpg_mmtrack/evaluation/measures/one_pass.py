# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measures of one-pass evaluation: success, precision, average overlap, success rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from tlpg_mmtrack.utils.errors import InputError

from .boxes import box_overlaps, center_errors, limit_to_image, usable
from .conventions import Convention

PIXEL_THRESHOLDS = np.arange(51)
#: Shares of the target's size: 0 to 0.5, as TrackingNet and LaSOT have them.
NORMALISED_THRESHOLDS = PIXEL_THRESHOLDS / 100
#: Position of 20 pixels, and of 0.2 target sizes, among the thresholds.
_REPORTED = 20


@dataclass(frozen=True)
class TrackedVideo:
    """One pass over a video. Boxes are (x, y, width, height) in pixels.

    Attributes:
        name: The video's name.
        boxes: (n, 4) tracked boxes; the first is what the tracker was given.
        truth: (n, 4) true boxes; NaN or without size where there is none.
        visible: (n,) bool, whether the target can be seen; None for always.
        size: (width, height) of the frames; needed by conventions that limit boxes to the image.
    """

    name: str
    boxes: np.ndarray
    truth: np.ndarray
    visible: np.ndarray | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Frames:
    """The frames of a video that count.

    Attributes:
        overlaps: (n,) intersection over union, 0..1.
        errors: (n,) centre errors in pixels.
        normalised_errors: (n,) centre errors in sizes of the target.
        total: Number that shares are taken of; n, or more where frames that do not count do there.
    """

    overlaps: np.ndarray
    errors: np.ndarray
    normalised_errors: np.ndarray
    total: int


@dataclass(frozen=True)
class OnePassScores:
    """What one pass is worth; every figure is a share, 0..1.

    Attributes:
        success: Area under the success curve (AUC).
        precision: Share of frames with a centre error of at most 20 pixels (P20).
        norm_precision: Share of frames with an error of at most 0.2 target sizes.
        norm_precision_auc: Mean over the thresholds from 0 to 0.5 target sizes, which TrackingNet
            calls normalised precision.
        average_overlap: Mean overlap (AO).
        success_50: Share of frames with an overlap above 0.5 (SR.5).
        success_75: Share of frames with an overlap above 0.75 (SR.75).
        success_curve: Share of frames above each overlap threshold.
        precision_curve: Share of frames within each distance of ``PIXEL_THRESHOLDS``.
        norm_precision_curve: The same for ``NORMALISED_THRESHOLDS``.
    """

    success: float
    precision: float
    norm_precision: float
    norm_precision_auc: float
    average_overlap: float
    success_50: float
    success_75: float
    success_curve: np.ndarray
    precision_curve: np.ndarray
    norm_precision_curve: np.ndarray


def counted_frames(video: TrackedVideo, convention: Convention) -> Frames:
    """Compare a video's boxes with the truth in the frames that count.

    Raises:
        InputError: If the numbers of boxes differ, a tracked box is not finite, or the size that
            the convention needs is missing; it names the video.
    """
    boxes, truth = _checked(video, convention)
    near = convention.without_truth == 'near'
    known = (truth > 0).all(axis=1) if near else usable(truth)
    counted = np.ones(len(truth), dtype=bool)
    if convention.visible_only and video.visible is not None:
        counted = np.array(video.visible, dtype=bool)
    if convention.without_truth == 'skipped':
        counted &= known
    if convention.first_frame == 'truth':
        boxes[0] = truth[0]
    elif convention.first_frame == 'skipped':
        counted[0] = False
    total = len(truth) if convention.share_of == 'all' else int(counted.sum())
    boxes, truth, known = boxes[counted], truth[counted], known[counted]
    unknown_error = 0.0 if near else np.inf
    errors = np.where(known, center_errors(boxes, truth), unknown_error)
    normalised = np.where(known, center_errors(boxes, truth, truth[:, 2:]), unknown_error)
    if convention.limit_to_image:
        boxes, truth = limit_to_image(boxes, video.size), limit_to_image(truth, video.size)
    return Frames(np.where(known, box_overlaps(boxes, truth), 0.0), errors, normalised, total)


def score_video(video: TrackedVideo, convention: Convention) -> OnePassScores | None:
    """Score one video; None where no frame counts."""
    frames = counted_frames(video, convention)
    return _score(frames, convention) if len(frames.overlaps) else None


def score_videos(videos: Sequence[TrackedVideo], convention: Convention) -> OnePassScores:
    """Score several videos together.

    Args:
        videos: What was tracked.
        convention: Which frames count, and how they are averaged. A video of which no frame
            counts is left out.

    Raises:
        InputError: If no frame counts at all, or as in :func:`counted_frames`.
    """
    frames = [counted_frames(video, convention) for video in videos]
    frames = [part for part in frames if len(part.overlaps)]
    if not frames:
        raise InputError('videos: no frame counts; pass videos with a visible target')
    if not convention.pooled:
        return mean_scores([_score(part, convention) for part in frames])
    names = ('overlaps', 'errors', 'normalised_errors')
    pooled = [np.concatenate([getattr(part, name) for part in frames]) for name in names]
    return _score(Frames(*pooled, sum(part.total for part in frames)), convention)


def mean_scores(scores: Sequence[OnePassScores]) -> OnePassScores:
    """Mean of several videos' scores and curves."""
    means = {
        field.name: np.mean([getattr(score, field.name) for score in scores], axis=0)
        for field in fields(OnePassScores)
    }
    return OnePassScores(
        **{name: mean if mean.ndim else float(mean) for name, mean in means.items()}
    )


def _score(frames: Frames, convention: Convention) -> OnePassScores:
    """Measures of some frames, all weighted alike."""
    bins = np.linspace(0, 1, convention.success_bins)
    total = frames.total
    success = (frames.overlaps[:, None] > bins).sum(axis=0) / total
    precision = (frames.errors[:, None] <= PIXEL_THRESHOLDS).sum(axis=0) / total
    normalised = (frames.normalised_errors[:, None] <= NORMALISED_THRESHOLDS).sum(axis=0) / total
    return OnePassScores(
        success=float(success.mean()),
        precision=float(precision[_REPORTED]),
        norm_precision=float(normalised[_REPORTED]),
        norm_precision_auc=float(normalised.mean()),
        average_overlap=float(frames.overlaps.sum() / total),
        success_50=float((frames.overlaps > 0.5).sum() / total),
        success_75=float((frames.overlaps > 0.75).sum() / total),
        success_curve=success,
        precision_curve=precision,
        norm_precision_curve=normalised,
    )


def _checked(video: TrackedVideo, convention: Convention) -> tuple[np.ndarray, np.ndarray]:
    """Copies of the tracked and the true boxes, which fit each other."""
    boxes = np.array(video.boxes, dtype=np.float64)
    truth = np.array(video.truth, dtype=np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.shape != truth.shape or not len(boxes):
        raise InputError(
            f'video {video.name!r}: tracked boxes {boxes.shape} and true boxes {truth.shape} must '
            'both be (number of frames, 4); track the whole video'
        )
    bad = np.flatnonzero(~np.isfinite(boxes).all(axis=1))
    if bad.size:
        raise InputError(
            f'video {video.name!r}: the tracked box of frame {bad[0]} (counted from 0) is not '
            f'finite, and {bad.size - 1} more; a tracker must always answer with a box'
        )
    if convention.limit_to_image and video.size is None:
        raise InputError(f'video {video.name!r}: size is needed to limit boxes to the image')
    return boxes, truth
