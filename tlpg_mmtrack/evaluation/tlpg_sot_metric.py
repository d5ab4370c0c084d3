# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's SOT metric, with results on disk, named conventions, and VOT without its toolkit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import MMLogger
from mmtrack.evaluation import SOTMetric, eval_sot_ope
from mmtrack.registry import METRICS

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import check_option, checked, each, one_of

from .one_pass import CONVENTIONS, Convention, OnePassScores, score_video, score_videos
from .results import SUBMISSIONS, ResultsFolder, VideoResult, write_submission
from .supervised import INTERVALS, score_runs

MMTRACK = 'mmtrack'  #: The convention of mmtrack's own metric, computed by its own function.
Answer = TypeVar('Answer')
Figures = dict[str, float]


@METRICS.register_module()
class TLPGSOTMetric(SOTMetric):
    """One-pass or VOT measures of results that are written to disk, video by video.

    It works with :class:`ResumableTestLoop`. A video that is missing, damaged, or holds a box that
    is not finite is left out of the figures, and named.

    Names of figures are preceded by the convention, such as ``otb/success``, but for those of
    ``'mmtrack'``. One-pass figures are percentages. ``fps`` is frames a second; reading them, and
    starting the tracker, are not included.

    Args:
        metric: ``'OPE'``, one pass, or ``'VOT'``, supervised runs.
        conventions: For one pass ``'mmtrack'`` or names of :data:`~.one_pass.CONVENTIONS`; for
            VOT names of :data:`~.supervised.INTERVALS`.
        submission: The benchmark for whose server ``submission.zip`` is written in the results
            folder; no figure is computed then.
        only_eval_visible: mmtrack's option for its own convention.
    """

    @checked
    def __init__(
        self,
        metric: Literal['OPE', 'VOT'] = 'OPE',
        conventions: Sequence[str] = (MMTRACK, 'otb'),
        submission: Annotated[str, one_of(*SUBMISSIONS)] | None = None,
        only_eval_visible: bool = False,
    ) -> None:
        super().__init__(
            metric=metric,
            metric_options=dict(only_eval_visible=only_eval_visible),
            format_only=submission is not None,
        )
        self.supervised = metric == 'VOT'
        known = INTERVALS if self.supervised else {MMTRACK: None, **CONVENTIONS}
        check_option('TLPGSOTMetric', 'conventions', conventions, each(one_of(*known)))
        self.conventions = {name: known[name] for name in conventions}
        self.submission = submission

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Raise an InputError: :class:`ResumableTestLoop` writes the results itself."""
        raise InputError(
            "TLPGSOTMetric: no folder for results; set test_cfg = dict(type='ResumableTestLoop'), "
            "or use mmtrack's SOTMetric with mmengine's TestLoop"
        )

    def check_protocol(self, region: Sequence[float]) -> None:
        """Raise an InputError if a model's first answer is not of this protocol."""
        # A supervised run begins with a code, one pass with a box: hours before the figures.
        if (len(region) == 1) != self.supervised:
            mode = self.metrics[0]
            raise InputError(
                f'TLPGSOTMetric: metric is {mode!r}, and the model runs the other protocol; set '
                f'model.test_cfg.test_mode={mode!r}'
            )

    def evaluate_folder(
        self, folder: ResultsFolder, names: Sequence[str], failures: Mapping[str, str]
    ) -> Figures:
        """Compute the figures of all videos' results, and write them beside those.

        In the main process; all processes get them. ``failures`` says why videos were not
        finished, by name. An InputError if there is nothing to evaluate.
        """
        figures = in_main_process(lambda: self._evaluate(folder, *_read(folder, names, failures)))
        return {f'{self.prefix}/{name}': value for name, value in figures.items()}

    def _evaluate(
        self, folder: ResultsFolder, results: list[VideoResult], left_out: dict[str, str]
    ) -> Figures:
        figures: Figures = {}
        per_video: dict[str, Figures] = {}
        if self.submission is not None:
            _submit(self.submission, folder, results, left_out)
        elif self.supervised:
            for name in self.conventions:
                scores = score_runs(results, name)
                figures |= {f'{name}/{measure}': scores[measure] for measure in scores}
        else:
            figures, per_video = self._one_pass_figures(results)
        figures |= dict(fps=_speed(results), videos=len(results))
        folder.write_summary(
            dict(
                figures=figures,
                conventions={
                    name: asdict(rules) if isinstance(rules, Convention) else rules
                    for name, rules in self.conventions.items()
                },
                per_video=per_video,
                left_out=left_out,
                frames_without_truth=_without_truth(results),
            )
        )
        return figures

    def _one_pass_figures(self, results: list[VideoResult]) -> tuple[Figures, dict[str, Figures]]:
        videos = [result.tracked() for result in results]
        figures: Figures = {}
        per_video: list[Figures] = [{} for _ in videos]
        for name, convention in self.conventions.items():
            if convention is None:
                scores = [self._mmtrack_scores(result) for result in results]
                figures |= {key: float(np.mean([own[key] for own in scores])) for key in scores[0]}
                scores = [{f'{name}/{key}': own[key] for key in own} for own in scores]
            else:
                figures |= _percentages(name, score_videos(videos, convention))
                scores = [_percentages(name, score_video(video, convention)) for video in videos]
            per_video = [own | more for own, more in zip(per_video, scores, strict=True)]
        return figures, {video.name: own for video, own in zip(videos, per_video, strict=True)}

    def _mmtrack_scores(self, result: VideoResult) -> Figures:
        """mmtrack's figures of one video; over several it averages these."""
        visible = [np.array(result.visible)] if self.metric_options['only_eval_visible'] else None
        scores = eval_sot_ope(
            [[np.array(region, dtype=np.float32) for region in result.regions]],
            [np.array(result.truth, dtype=np.float32)],
            visible,
        )
        return {key: float(scores[key]) for key in ('success', 'norm_precision', 'precision')}


def in_main_process(work: Callable[[], Answer]) -> Answer:
    """Do something in one process; all get its answer, or raise what a user can fix."""
    answer: list[Any] = [None]
    if is_main_process():
        try:
            answer = [work()]
        except (ValueError, OSError) as error:
            answer = [error]  # The other processes wait: they get it too.
    broadcast_object_list(answer)
    if isinstance(answer[0], Exception):
        raise answer[0]
    return answer[0]


def _read(
    folder: ResultsFolder, names: Sequence[str], failures: Mapping[str, str]
) -> tuple[list[VideoResult], dict[str, str]]:
    """All results that are there and finite; why the others, which are logged, are left out."""
    results, left_out = [], {}
    for name in names:
        try:
            results.append(_finite(folder.read(name)))
        except FileNotFoundError:
            left_out[name] = failures.get(name, 'there is no result')
        except InputError as error:
            left_out[name] = str(error)
    for name, reason in left_out.items():
        _warn(f'left out: {name}: {reason}')
    if left_out:
        _warn(
            f'{len(left_out)} of {len(names)} videos are left out of the figures; the same '
            'command tracks those without a result again'
        )
    if not results:
        raise InputError(
            f'results: none of {len(names)} videos has one to evaluate; the log says why of each'
        )
    return results, left_out


def _submit(
    kind: str, folder: ResultsFolder, results: list[VideoResult], left_out: dict[str, str]
) -> None:
    if left_out:
        raise InputError(
            f'submission: {len(left_out)} videos have no result, and a server takes whole sets '
            f'only: {", ".join(list(left_out)[:5])}'
        )
    path = folder.path / 'submission.zip'
    write_submission(kind, path, results)
    MMLogger.get_current_instance().info(f'To submit: {path}')


def _finite(result: VideoResult) -> VideoResult:
    """The result, or an InputError if one of its regions is not finite."""
    bad = [index for index, region in enumerate(result.regions) if not np.isfinite(region).all()]
    if bad:
        raise InputError(
            f'the tracker answered {len(bad)} times with a box that is not finite, first in frame '
            f'{bad[0]} (counted from 0)'
        )
    return result


def _without_truth(results: list[VideoResult]) -> dict[str, int]:
    """The number of frames whose true box is not finite, of each video that has any."""
    counts = {
        result.name: sum(not np.isfinite(region).all() for region in result.truth)
        for result in results
    }
    counts = {name: count for name, count in counts.items() if count}
    if counts:
        _warn(
            f'{sum(counts.values())} frames of {len(counts)} videos have no finite true box; the '
            'conventions differ in what that counts for. summary.json names the videos, the first '
            f'is {next(iter(counts))}'
        )
    return counts


def _warn(text: str) -> None:
    MMLogger.get_current_instance().warning(text)


def _percentages(convention: str, scores: OnePassScores | None) -> Figures:
    figures = {} if scores is None else vars(scores)
    return {f'{convention}/{name}': 100 * v for name, v in figures.items() if np.ndim(v) == 0}


def _speed(results: list[VideoResult]) -> float:
    """Frames a second; a tracker's starts, and the frames that VOT skips, are not included."""
    times = []
    for result in results:
        frames = list(zip(result.times, result.regions, strict=True))[1:]
        times += [time for time, region in frames if len(region) > 1]
    return len(times) / sum(times) if sum(times) > 0 else 0.0
