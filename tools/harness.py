# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Runs a tracker over videos into a results folder, scores it, and puts several in a table."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import tlpg_mmtrack  # noqa: F401  (makes mmtrack importable)

# isort: split
import cv2
import numpy as np
from mmengine.runner import set_random_seed
from tlpg_tools.baselines import Baseline
from tlpg_tools.reports import write_csv

from tlpg_mmtrack.datasets.video_folder import FolderVideo
from tlpg_mmtrack.evaluation.provenance import data_fingerprint, environment
from tlpg_mmtrack.evaluation.results import ResultsFolder, VideoResult
from tlpg_mmtrack.evaluation.resumable_test_loop import clock
from tlpg_mmtrack.evaluation.tlpg_sot_metric import TLPGSOTMetric
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.images import decode_image, truncated_image

logger = logging.getLogger(__name__)
MEASURES = ('success', 'precision', 'norm_precision')


def run_tracker(
    tracker: Baseline,
    videos: Sequence[FolderVideo],
    path: Path,
    seed: int = 0,
    conventions: Sequence[str] = ('mmtrack', 'otb'),
    problems: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Track the videos that have no result yet, in this process, then score all.

    A video that cannot be read, or on which the tracker fails, is named in the log and in
    ``summary.json``, and left out of the figures.

    Args:
        tracker: The tracker.
        videos: The videos.
        path: Results folder; one with results of this tracker and these videos goes on.
        seed: Random seed that each video starts from.
        conventions: As :class:`TLPGSOTMetric` has them.
        problems: Why other videos cannot be used, by name.

    Returns:
        The metric's figures, in percent, such as ``otb/success``; ``fps``, and ``videos``, the
        number that they are of.

    Raises:
        InputError: If the folder belongs to another tracker, seed or data; or no video has a
            result.
    """
    folder = ResultsFolder(path)
    failures = dict(problems or {})
    names = sorted([*failures, *(video.name for video in videos)])
    metric = TLPGSOTMetric(conventions=conventions)
    with folder.lock():
        note = environment(None, processes=1)
        note['frames'] = {video.name: str(video.images[0].parent.resolve()) for video in videos}
        folder.prepare(dict(tracker=tracker.identity(), seed=seed), note)
        finished = _checked_finished(folder, videos, names)
        for video in (video for video in videos if video.name not in finished):
            try:
                result = track_video(tracker, video, seed)
            except (InputError, OSError) as error:
                failures[video.name] = f'{type(error).__name__}: {error}'
            else:
                folder.write(result)
                logger.info('%s: %s, %d frames', tracker.name, video.name, len(video.images))
        figures = metric.evaluate_folder(folder, names, failures)
    return {name.removeprefix(f'{metric.prefix}/'): value for name, value in figures.items()}


def track_video(tracker: Baseline, video: FolderVideo, seed: int) -> VideoResult:
    """Track one video; no more than one frame is held.

    Raises:
        InputError: If a frame cannot be read, or the tracker returns no box; it names the file.
    """
    # Before it is tracked: the data may change while that goes on.
    fingerprint = data_fingerprint(video.images)
    # OpenCV and some of mmtrack's models draw from the process's random numbers.
    set_random_seed(seed)
    cv2.setRNGSeed(seed)
    boxes, times, size = [], [], (0, 0)
    for index, path in enumerate(video.images):
        frame = None if truncated_image(path) else decode_image(path)
        if frame is None:
            raise InputError(f'frame {index} (counted from 0), {path}, is truncated or no image')
        start = clock()
        if index == 0:
            size = (frame.shape[1], frame.shape[0])
            tracker.start(frame, video.truth[0].copy())
            box = video.truth[0]
        else:
            box = np.asarray(tracker.step(frame), dtype=np.float64)
        times.append(clock() - start)
        if box.shape != (4,) or not np.isfinite(box).all():
            raise InputError(f'frame {index}, {path}: the tracker returned {box.tolist()}')
        boxes.append(box)
    return VideoResult(
        name=video.name,
        size=size,
        regions=_corners(np.array(boxes)),
        truth=_corners(video.truth),
        visible=[True] * len(boxes),
        times=times,
        fingerprint=fingerprint,
    )


def write_comparison(
    path: Path, figures: Mapping[str, Mapping[str, float]], convention: str, total: int
) -> str:
    """Write the table as CSV, and give it as text, best success first.

    Args:
        path: CSV file to write.
        figures: Of each tracker, as :func:`run_tracker` gives them.
        convention: The convention to show.
        total: Number of videos that there are.

    Raises:
        OSError: If the file cannot be written.
    """
    # mmtrack's own figures have no prefix.
    prefix = '' if convention == 'mmtrack' else f'{convention}/'
    ranked = sorted(figures, key=lambda name: -figures[name][f'{prefix}success'])
    rows = [
        [name, int(figures[name]['videos']), total]
        + [float(figures[name][f'{prefix}{measure}']) for measure in MEASURES]
        + [float(figures[name]['fps'])]
        for name in ranked
    ]
    write_csv(
        path,
        ['tracker', 'videos', 'of', *(f'{convention} {name}' for name in MEASURES), 'frames/s'],
        rows,
    )
    width = max(len(name) for name in [*ranked, 'tracker'])
    lines = [f'{"tracker":{width}}  videos   success  precision  norm. precision  frames/s']
    for name, videos, of, success, precision, normalised, fps in rows:
        count = f'{videos}/{of}'
        lines.append(
            f'{name:{width}}  {count:>6}  {success:8.2f}  {precision:9.2f}  {normalised:15.2f}  '
            f'{fps:8.1f}'
        )
    return '\n'.join([f'convention {convention}, percent', *lines])


def _checked_finished(
    folder: ResultsFolder, videos: Sequence[FolderVideo], names: Sequence[str]
) -> set[str]:
    """Names of the videos that have a result, which is of these very frames and boxes."""
    finished = folder.finished()
    unknown = sorted(finished - set(names))
    if unknown:
        raise InputError(
            f'results: {folder.path} holds {unknown[0]!r} of other data; pass another folder '
            '(--out), or remove this one'
        )
    usable = {video.name: video for video in videos}
    for name in sorted(finished):
        # One that cannot be used any more has changed since it was tracked.
        if name not in usable or not _is_of(folder.read(name), usable[name]):
            raise folder.other_data(name)
    return finished


def _is_of(result: VideoResult, video: FolderVideo) -> bool:
    """Whether a result was tracked on this video's frames, and has its true boxes."""
    same_truth = np.array_equal(np.array(result.truth), np.array(_corners(video.truth)), True)
    return same_truth and result.can_be_of(data_fingerprint(video.images))


def _corners(boxes: np.ndarray) -> list[list[float]]:
    return np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1).tolist()
