# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measures of one pass over a video: success, precision, average overlap, success rates.

Boxes are (n, 4) arrays (x, y, width, height) in pixels. In every convention a frame succeeds where
its overlap is greater than the threshold (``>``), and is precise where its centre error is at most
the threshold (``<=``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from tlpg_mmtrack.utils.boxes import box_overlaps, usable
from tlpg_mmtrack.utils.errors import InputError

PIXEL_THRESHOLDS = np.arange(51)
#: Shares of the target's size: 0 to 0.5, as TrackingNet and LaSOT have them.
NORMALISED_THRESHOLDS = PIXEL_THRESHOLDS / 100
_REPORTED = 20  #: Position of 20 pixels, and of 0.2 target sizes, among the thresholds.


@dataclass(frozen=True)
class Convention:
    """Which frames count in one benchmark, and how they are averaged."""

    visible_only: bool = False  #: Count only frames in which the target is visible.
    limit_to_image: bool = False  #: Limit both boxes to the image before their overlap is taken.
    pooled: bool = False  #: Average over all videos' frames at once, not over videos' averages.
    first_counts: bool = True  #: Whether the first frame counts, as right, whatever was tracked.
    success_bins: int = 21  #: Number of overlap thresholds, evenly from 0 to 1.
    #: A counted frame whose true box is not usable: ``'failure'``; ``'skipped'``, it does not
    #: count after all; ``'near'``, its overlap is a failure and its centre error a hit, and a box
    #: is usable only if all its four numbers are positive.
    without_truth: Literal['failure', 'skipped', 'near'] = 'failure'
    share_of_all: bool = False  #: Divide by all frames of the video, not by the counted ones.


#: ``otb``: OTB's success and precision as the GOT-10k toolkit computes them. ``lasot``: LaSOT's,
#: as its own toolkit computes them. ``got10k``: GOT-10k's average overlap and success rates.
CONVENTIONS = {
    'otb': Convention(),
    'lasot': Convention(visible_only=True, without_truth='near', share_of_all=True),
    'got10k': Convention(
        visible_only=True,
        limit_to_image=True,
        pooled=True,
        first_counts=False,
        success_bins=101,
        without_truth='skipped',
    ),
}


@dataclass(frozen=True)
class TrackedVideo:
    """One pass over a video. Boxes are (x, y, width, height) in pixels."""

    name: str  #: The video's name.
    boxes: np.ndarray  #: (n, 4) tracked boxes; the first is what the tracker was given.
    truth: np.ndarray  #: (n, 4) true boxes; NaN or without size where there is none.
    visible: np.ndarray | None = None  #: (n,), whether the target can be seen; None for always.
    size: tuple[int, int] | None = None  #: (width, height), for conventions that limit boxes.


@dataclass(frozen=True)
class OnePassScores:
    """What one pass is worth; every figure is a share, 0..1, of the frames.

    The curves have a value for each overlap threshold, for each of ``PIXEL_THRESHOLDS`` and for
    each of ``NORMALISED_THRESHOLDS``.
    """

    success: float  #: Area under the success curve (AUC).
    precision: float  #: Frames with a centre error of at most 20 pixels (P20).
    norm_precision: float  #: Frames with an error of at most 0.2 target sizes.
    norm_precision_auc: float  #: Mean from 0 to 0.5 target sizes, as TrackingNet has it.
    average_overlap: float  #: Mean overlap (AO).
    success_50: float  #: Frames with an overlap above 0.5 (SR.5).
    success_75: float  #: Frames with an overlap above 0.75 (SR.75).
    success_curve: np.ndarray
    precision_curve: np.ndarray
    norm_precision_curve: np.ndarray


class _Frames(NamedTuple):
    """The frames that count: (n,) overlaps, centre errors in pixels and in sizes of the target."""

    overlaps: np.ndarray
    errors: np.ndarray
    normalised: np.ndarray
    total: int  # Shares are of so many frames, n or more.


def score_video(video: TrackedVideo, convention: Convention) -> OnePassScores | None:
    """Score one video; None where no frame counts.

    An InputError, which names the video, if the numbers of boxes differ, or one is not finite.
    """
    frames = _counted(video, convention)
    return _score(frames, convention) if len(frames.overlaps) else None


def score_videos(videos: Sequence[TrackedVideo], convention: Convention) -> OnePassScores:
    """Score several videos together; one of which no frame counts is left out.

    An InputError if no frame counts at all, or as in :func:`score_video`.
    """
    frames = [_counted(video, convention) for video in videos]
    frames = [part for part in frames if len(part.overlaps)]
    if not frames:
        raise InputError('videos: no frame counts; pass videos with a visible target')
    if convention.pooled:
        *parts, totals = zip(*frames, strict=True)
        return _score(_Frames(*map(np.concatenate, parts), sum(totals)), convention)
    scores = [vars(_score(part, convention)) for part in frames]
    means = {name: np.mean([score[name] for score in scores], axis=0) for name in scores[0]}
    return OnePassScores(
        **{key: mean if mean.ndim else float(mean) for key, mean in means.items()}
    )


def center_errors(
    boxes: np.ndarray, truth: np.ndarray, scale: np.ndarray | None = None
) -> np.ndarray:
    """(n,) distances of the centres of (n, 4) boxes from the true ones, in pixels.

    With the true width and height as ``scale``, (n, 2) units of the distance in x and y, it is the
    normalised error of TrackingNet and LaSOT. Infinite where a box holds a NaN or a unit is not
    positive.
    """
    # Grouped so that equal boxes have no distance, not one of a rounding error.
    difference = (boxes[:, :2] + boxes[:, 2:] / 2) - (truth[:, :2] + truth[:, 2:] / 2)
    if scale is not None:
        missing = np.full_like(difference, np.inf)
        difference = np.divide(difference, scale, out=missing, where=scale > 0)
    errors = np.sqrt((difference**2).sum(axis=1))
    return np.where(np.isnan(errors), np.inf, errors)


def limit_to_image(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Limit (n, 4) boxes to an image (width, height) as the GOT-10k toolkit does.

    The corner is moved into the image, and then the size is cut at the far side. So a box that
    begins left of the image or above it keeps its size and is moved, not cut.
    """
    limits = np.array([*size], dtype=np.float64)
    corner = np.clip(boxes[:, :2], 0.0, limits)
    return np.concatenate((corner, np.clip(boxes[:, 2:], 0.0, limits - corner)), axis=1)


def _counted(video: TrackedVideo, convention: Convention) -> _Frames:
    """Compare a video's boxes with the truth in the frames that count."""
    boxes, truth = (np.array(part, dtype=np.float64) for part in (video.boxes, video.truth))
    _check(video, boxes, truth)
    near = convention.without_truth == 'near'
    known = (truth > 0).all(axis=1) if near else usable(truth)
    counted = np.ones(len(truth), dtype=bool)
    if convention.visible_only and video.visible is not None:
        counted = np.array(video.visible, dtype=bool)
    if convention.without_truth == 'skipped':
        counted &= known
    boxes[0] = truth[0]
    counted[0] &= convention.first_counts
    total = len(truth) if convention.share_of_all else int(counted.sum())
    boxes, truth, known = boxes[counted], truth[counted], known[counted]
    unknown_error = 0.0 if near else np.inf
    errors = np.where(known, center_errors(boxes, truth), unknown_error)
    normalised = np.where(known, center_errors(boxes, truth, truth[:, 2:]), unknown_error)
    if convention.limit_to_image:
        boxes, truth = limit_to_image(boxes, video.size), limit_to_image(truth, video.size)
    return _Frames(np.where(known, box_overlaps(boxes, truth), 0.0), errors, normalised, total)


def _check(video: TrackedVideo, boxes: np.ndarray, truth: np.ndarray) -> None:
    """Raise unless the tracked boxes are finite, and as many as the true ones."""
    bad = np.flatnonzero(~np.isfinite(boxes).all(axis=-1))
    if boxes.shape != (len(truth), 4) or boxes.shape != truth.shape or not len(boxes):
        raise InputError(
            f'video {video.name!r}: tracked boxes {boxes.shape} and true boxes {truth.shape} must '
            'both be (number of frames, 4); track the whole video'
        )
    if len(bad):
        raise InputError(
            f'video {video.name!r}: the tracked boxes of {len(bad)} frames, first of {bad[0]} '
            '(counted from 0), are not finite; a tracker must always answer with a box'
        )


def _score(frames: _Frames, convention: Convention) -> OnePassScores:
    """Measures of some frames, all weighted alike."""
    overlaps, total = frames.overlaps, frames.total
    bins = np.linspace(0, 1, convention.success_bins)
    success = (overlaps[:, None] > bins).sum(axis=0) / total
    precision = (frames.errors[:, None] <= PIXEL_THRESHOLDS).sum(axis=0) / total
    normalised = (frames.normalised[:, None] <= NORMALISED_THRESHOLDS).sum(axis=0) / total
    return OnePassScores(
        success=float(success.mean()),
        precision=float(precision[_REPORTED]),
        norm_precision=float(normalised[_REPORTED]),
        norm_precision_auc=float(normalised.mean()),
        average_overlap=float(overlaps.sum() / total),
        success_50=float((overlaps > 0.5).sum() / total),
        success_75=float((overlaps > 0.75).sum() / total),
        success_curve=success,
        precision_curve=precision,
        norm_precision_curve=normalised,
    )
