# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's SOT metric, with results on disk, named conventions, and VOT without its toolkit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import MMLogger
from mmtrack.evaluation import SOTMetric, eval_sot_ope
from mmtrack.registry import METRICS

from tlpg_mmtrack.compat.vot import box_region
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import FLAG, checked

from .measures import (
    OnePassScores,
    SupervisedRun,
    TrackedVideo,
    get_convention,
    get_supervised_convention,
    score_runs,
    score_video,
    score_videos,
)
from .results import SUBMISSIONS, ResultsFolder, VideoRecord, VideoResult, write_submission

#: The convention of mmtrack's own metric, computed by its own function.
MMTRACK = 'mmtrack'


@METRICS.register_module()
class TLPGSOTMetric(SOTMetric):
    """One-pass or VOT measures of results that are written to disk, video by video.

    It works with :class:`ResumableTestLoop`, which gives it a folder and the videos' names. A
    video that is missing, damaged, or holds a box that is not finite is left out of the figures,
    and named.

    Figures of the convention ``'mmtrack'`` keep the names ``success``, ``norm_precision`` and
    ``precision``; those of others are preceded by the convention, such as ``otb/success``.
    One-pass figures are percentages. ``fps`` is frames a second; reading them, and starting
    the tracker, are not included.

    Args:
        metric: ``'OPE'``, one pass, or ``'VOT'``, supervised runs.
        conventions: For one pass ``'mmtrack'`` or names of
            :data:`~tlpg_mmtrack.evaluation.measures.CONVENTIONS`; for VOT names of
            :data:`~tlpg_mmtrack.evaluation.measures.SUPERVISED_CONVENTIONS`.
        submission: ``'got10k'`` or ``'trackingnet'``: write an archive for that benchmark's
            server, ``submission.zip`` in the results folder, and compute no figure.
        only_eval_visible: mmtrack's option for its own convention.
        prefix: What precedes every name; see mmengine.

    Raises:
        InputError: If the metric, a convention or the submission is unknown.
    """

    @checked(only_eval_visible=FLAG)
    def __init__(
        self,
        metric: str = 'OPE',
        conventions: Sequence[str] = (MMTRACK, 'otb'),
        submission: str | None = None,
        only_eval_visible: bool = False,
        prefix: str | None = None,
    ) -> None:
        if metric not in self.allowed_metrics:
            raise InputError(f'metric: must be one of {self.allowed_metrics}, got {metric!r}')
        if submission not in (None, *SUBMISSIONS):
            raise InputError(f'submission: must be one of {SUBMISSIONS}, got {submission!r}')
        super().__init__(
            metric=metric,
            metric_options=dict(only_eval_visible=only_eval_visible),
            format_only=submission is not None,
            prefix=prefix,
        )
        find = get_supervised_convention if metric == 'VOT' else get_convention
        self.conventions = {
            name: None if name == MMTRACK and metric == 'OPE' else find(name)
            for name in conventions
        }
        self.submission = submission
        self._folder: ResultsFolder | None = None
        self._names: list[str] = []
        self._record: VideoRecord | None = None
        self._left_out: dict[str, str] = {}

    def attach(self, folder: ResultsFolder, names: Sequence[str]) -> None:
        """Say where the results are, and the names of all videos, in order."""
        self._folder, self._names = folder, list(names)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Take one frame's result; write the video's after its last frame.

        Args:
            data_batch: Not used.
            data_samples: One sample, with ``video_name``, ``frame_time`` and ``fingerprint``
                beside what mmtrack's metric needs.

        Raises:
            InputError: If there is no folder to write to, the model runs another protocol than the
                metric measures, or the result cannot be written.
        """
        if self._folder is None:
            raise InputError(
                "TLPGSOTMetric: no folder for results; set test_cfg = dict(type='ResumableTestLoop"
                "'), or use mmtrack's SOTMetric with mmengine's TestLoop"
            )
        sample = data_samples[0]
        self._check_protocol(sample)
        if self._record is None:
            self._record = VideoRecord(sample['video_length'])
        instance = sample['instances'][0]
        self._record.add(
            region=sample['pred_track_instances']['bboxes'][0].tolist(),
            truth=instance.get('bbox'),
            visible=instance['visible'],
            time=sample['frame_time'],
        )
        if sample['frame_id'] == sample['video_length'] - 1:
            height, width = sample['ori_shape']
            record, self._record = self._record, None
            self._folder.write(
                record.result(sample['video_name'], (width, height), sample['fingerprint'])
            )

    def _check_protocol(self, sample: dict) -> None:
        """A supervised run begins with a code, one pass with a box: hours before the figures."""
        supervised = sample['pred_track_instances']['bboxes'].shape[-1] == 1
        if sample['frame_id'] == 0 and supervised != (self.metrics == ['VOT']):
            mode = 'VOT' if self.metrics == ['VOT'] else 'OPE'
            raise InputError(
                f'TLPGSOTMetric: metric is {mode!r}, and the model runs the other protocol; set '
                f'model.test_cfg.test_mode={mode!r}'
            )

    def drop_video(self) -> None:
        """Forget the frames of a video that will not be finished."""
        self._record = None

    def evaluate(self, size: int, failures: dict[str, str] | None = None) -> dict[str, float]:
        """Read all results and compute the figures, in the main process.

        Args:
            size: Not used; mmengine's signature.
            failures: Why videos were not finished, by name.

        Returns:
            The figures, in every process.

        Raises:
            InputError: If there is nothing to evaluate.
        """
        answer: list[Any] = [None]
        if is_main_process():
            try:
                figures = self.compute_metrics(self._read(failures or {}))
                answer = [{f'{self.prefix}/{name}': value for name, value in figures.items()}]
            except (ValueError, OSError) as error:
                # The other processes wait: they get the error too.
                answer = [error]
        broadcast_object_list(answer)
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    def _read(self, failures: dict[str, str]) -> list[VideoResult]:
        """All results that are there and make sense; the others are reported."""
        results, self._left_out = [], {}
        for name in self._names:
            try:
                result = self._folder.read(name)
                _check_finite(result)
                results.append(result)
            except FileNotFoundError:
                self._left_out[name] = failures.get(name, 'there is no result')
            except InputError as error:
                self._left_out[name] = str(error)
        logger = MMLogger.get_current_instance()
        for name, reason in self._left_out.items():
            logger.warning(f'left out: {name}: {reason}')
        if self._left_out:
            logger.warning(
                f'{len(self._left_out)} of {len(self._names)} videos are left out of the figures; '
                'the same command tracks those without a result again'
            )
        if not results:
            raise InputError(f'results: none of {len(self._names)} videos has one to evaluate')
        return results

    def compute_metrics(self, results: list[VideoResult]) -> dict[str, float]:
        """Compute the figures, and write them beside the results.

        Args:
            results: The videos' results.
        """
        figures: dict[str, float] = {}
        per_video: dict[str, dict[str, float]] = {}
        if self.submission is not None:
            path = self._folder.path / 'submission.zip'
            if self._left_out:
                raise InputError(
                    f'submission: {len(self._left_out)} videos have no result, and a server takes '
                    f'whole sets only: {", ".join(list(self._left_out)[:5])}'
                )
            write_submission(self.submission, path, results)
            MMLogger.get_current_instance().info(f'To submit: {path}')
        elif self.metrics == ['VOT']:
            figures = self._supervised(results)
        else:
            figures, per_video = self._one_pass(results)
        figures['fps'] = _speed(results)
        figures['videos'] = len(results)
        without_truth = _frames_without_truth(results)
        if without_truth:
            MMLogger.get_current_instance().warning(
                f'{sum(without_truth.values())} frames of {len(without_truth)} videos have no '
                'finite true box; the conventions differ in what that counts for. summary.json '
                f'names the videos, the first is {next(iter(without_truth))}'
            )
        self._folder.write_summary(
            dict(
                figures=figures,
                conventions={
                    name: convention and asdict(convention)
                    for name, convention in self.conventions.items()
                },
                per_video=per_video,
                left_out=self._left_out,
                frames_without_truth=without_truth,
            )
        )
        return figures

    def _supervised(self, results: list[VideoResult]) -> dict[str, float]:
        runs = [
            SupervisedRun(
                name=result.name,
                regions=[box_region(region) for region in result.regions],
                truth=[box_region(region) for region in result.truth],
                size=result.size,
            )
            for result in results
        ]
        return {
            f'{name}/{measure}': value
            for name, convention in self.conventions.items()
            for measure, value in asdict(score_runs(runs, convention)).items()
        }

    def _one_pass(
        self, results: list[VideoResult]
    ) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        """Figures over all videos, and of each."""
        videos = [tracked_video(result) for result in results]
        figures: dict[str, float] = {}
        per_video: dict[str, dict[str, float]] = {video.name: {} for video in videos}
        for name, convention in self.conventions.items():
            if convention is None:
                scores = [self._mmtrack_scores(result) for result in results]
                figures |= {key: _mean(score[key] for score in scores) for key in scores[0]}
                for video, score in zip(videos, scores, strict=True):
                    per_video[video.name] |= {f'{name}/{key}': score[key] for key in score}
                continue
            figures |= _percentages(name, score_videos(videos, convention))
            for video in videos:
                score = score_video(video, convention)
                per_video[video.name] |= {} if score is None else _percentages(name, score)
        return figures, per_video

    def _mmtrack_scores(self, result: VideoResult) -> dict[str, float]:
        """What mmtrack's function says of one video; over several it averages these."""
        visible = np.array(result.visible, dtype=bool)
        scores = eval_sot_ope(
            [[np.array(region, dtype=np.float32) for region in result.regions]],
            [np.array(result.truth, dtype=np.float32)],
            [visible] if self.metric_options['only_eval_visible'] else None,
        )
        return {key: float(scores[key]) for key in ('success', 'norm_precision', 'precision')}


def _check_finite(result: VideoResult) -> None:
    bad = [index for index, region in enumerate(result.regions) if not np.isfinite(region).all()]
    if bad:
        raise InputError(
            f'the tracker answered {len(bad)} times with a box that is not finite, first in frame '
            f'{bad[0]} (counted from 0)'
        )


def _frames_without_truth(results: list[VideoResult]) -> dict[str, int]:
    """How many true boxes are not finite, in the videos where some are."""
    counts = {
        result.name: sum(not np.isfinite(region).all() for region in result.truth)
        for result in results
    }
    return {name: count for name, count in counts.items() if count}


def tracked_video(result: VideoResult) -> TrackedVideo:
    """One pass from its file's form, corners, in the measures' form, (x, y, width, height)."""
    boxes, truth = (np.array(part, dtype=np.float64) for part in (result.regions, result.truth))
    for part in (boxes, truth):
        part[:, 2:] -= part[:, :2]
    return TrackedVideo(result.name, boxes, truth, np.array(result.visible), result.size)


def _percentages(convention: str, scores: OnePassScores) -> dict[str, float]:
    return {
        f'{convention}/{name}': 100 * value
        for name, value in vars(scores).items()
        if np.ndim(value) == 0
    }


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))


def _speed(results: list[VideoResult]) -> float:
    """Frames a second; a tracker's starts, and the frames that VOT skips, are not included."""
    times = [
        time
        for result in results
        for time, region in list(zip(result.times, result.regions, strict=True))[1:]
        if len(region) > 1
    ]
    return len(times) / sum(times) if sum(times) > 0 else 0.0
