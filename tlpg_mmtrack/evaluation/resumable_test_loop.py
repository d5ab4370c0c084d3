# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A test loop that goes on where an earlier run stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, TestLoop, autocast, set_random_seed
from mmtrack.datasets.samplers import VideoSampler
from mmtrack.registry import LOOPS
from mmtrack.structures import TrackDataSample

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.images import truncated_image
from tlpg_mmtrack.utils.inputs import check_box

from .provenance import data_fingerprint, environment, run_identity, video_names
from .results import ResultsFolder, VideoRecord
from .tlpg_sot_metric import TLPGSOTMetric, in_main_process


@LOOPS.register_module()
class ResumableTestLoop(TestLoop):
    """Tests video by video; a video whose result is in the folder is not tracked again.

    Every video starts from the same random seed, so that its result depends neither on the videos
    before it nor on the process that tracks it. A video that cannot be read is reported and left
    out; the others go on.

    Args:
        results_dir: Folder of the results; default: ``results`` in the runner's work folder.
        **kwargs: Of mmengine's ``TestLoop``. The data loader is of one of mmtrack's SOT data sets,
            with its ``VideoSampler``; the evaluator has one :class:`TLPGSOTMetric`.

    Raises:
        InputError: If the evaluator or the sampler is another.
    """

    def __init__(self, runner: Runner, results_dir: str | None = None, **kwargs: Any) -> None:
        super().__init__(runner, **kwargs)
        metrics = self.evaluator.metrics
        if len(metrics) != 1 or not isinstance(metrics[0], TLPGSOTMetric):
            raise InputError(
                'ResumableTestLoop: test_evaluator must be one TLPGSOTMetric, got '
                f'{[type(metric).__name__ for metric in metrics]}; for other metrics set '
                "test_cfg = dict(type='TestLoop')"
            )
        if not isinstance(self.dataloader.sampler, VideoSampler):
            raise InputError(
                "ResumableTestLoop: test_dataloader.sampler must be dict(type='VideoSampler'), "
                f'got {type(self.dataloader.sampler).__name__}'
            )
        self.metric: TLPGSOTMetric = metrics[0]
        self.folder = ResultsFolder(results_dir or Path(runner.work_dir) / 'results')
        # Not the runner's: where the config gives none, that is another in each run.
        self.seed = (runner.cfg.get('randomness') or {}).get('seed') or 0
        self._failures: dict[str, str] = {}

    def run(self) -> dict[str, float]:
        """Track the videos that have no result yet, then evaluate all; the metric's figures."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        self.runner.model.eval()
        self._failures.clear()
        names = video_names(self.dataloader.dataset)
        with self.folder.lock() if is_main_process() else nullcontext():
            self._prepare(names)
            self._track(names)
            # Also waits for the results of the other processes.
            shares = all_gather_object(self._failures)
            failures = {name: share[name] for share in shares for name in share}
            metrics = self.metric.evaluate_folder(self.folder, names, failures)
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics

    def _prepare(self, names: Sequence[str]) -> None:
        """Check the folder, and share out the videos that are left."""
        dataset, rank, processes = self.dataloader.dataset, get_rank(), get_world_size()
        # One process looks: another may already write when the next one would.
        finished = in_main_process(self._open)
        there = [video for video, name in enumerate(names) if name in finished][rank::processes]
        changed = [names[video] for video in there if self._has_changed(video, names[video])]
        changed = [name for share in all_gather_object(changed) for name in share]
        if changed:
            raise self.folder.other_data(changed[0])
        left = [video for video, name in enumerate(names) if name not in finished]
        lengths = [dataset.get_len_per_video(video) for video in left]
        self.dataloader.sampler.indices = [
            [(left[part], frame) for part in share for frame in range(lengths[part])]
            for share in spread(lengths, processes)
        ]

    def _open(self) -> set[str]:
        """Open the folder; names of the videos that have a result."""
        model = self.runner.model
        model = model.module if is_model_wrapper(model) else model
        changed = self.folder.prepare(
            run_identity(self.runner.cfg, model, self.seed),
            environment(self.runner.cfg.get('load_from'), get_world_size()),
        )
        finished = self.folder.finished()
        logger = MMLogger.get_current_instance()
        logger.info(f'Results: {self.folder.path}; {len(finished)} videos are there already')
        if finished and changed:
            logger.warning(f'those were made with something else: {"; ".join(changed)}')
        return finished

    def _has_changed(self, video: int, name: str) -> bool:
        """Whether a finished video's frames or annotations are others than when it was tracked."""
        try:
            return not self.folder.read(name).can_be_of(self._fingerprint(video))
        except FileNotFoundError:  # The data are not there any more.
            return False
        except Exception:  # A damaged file can raise nearly anything.
            return True

    def _fingerprint(self, video: int) -> str | None:
        dataset = self.dataloader.dataset
        truth = dataset.get_ann_infos_from_video(video)
        images = dataset.get_img_infos_from_video(video)['img_paths']
        return data_fingerprint(images, (truth['bboxes'], truth['visible']))

    @torch.no_grad()
    def _track(self, names: Sequence[str]) -> None:
        record = fingerprint = None
        for index, ((video, frame), batch) in enumerate(self._batches(names)):
            name, sample = names[video], batch['data_samples'][0]
            if name in self._failures:
                continue
            reason = truncated_image(sample.img_path)
            if frame == 0:
                set_random_seed(self.seed)
                reason = reason or self._unusable_start(video, sample)
                # Before it is tracked: the data may change while that goes on.
                record, fingerprint = VideoRecord(sample.video_length), self._fingerprint(video)
            if reason is not None:
                self._leave_out(name, reason)
                continue
            self.runner.call_hook('before_test_iter', batch_idx=index, data_batch=batch)
            start = clock()
            with autocast(enabled=self.fp16):
                outputs = self.runner.model.test_step(batch)
            seconds = clock() - start
            region, truth = outputs[0].pred_track_instances.bboxes[0].tolist(), sample.instances[0]
            if frame == 0:
                self.metric.check_protocol(region)
            record.add(region, truth.get('bbox'), truth['visible'], seconds)
            if frame == sample.video_length - 1:
                self.folder.write(record.result(name, sample.ori_shape[1::-1], fingerprint))
            self.runner.call_hook(
                'after_test_iter', batch_idx=index, data_batch=batch, outputs=outputs
            )

    def _batches(self, names: Sequence[str]) -> Iterator[tuple[tuple[int, int], dict]]:
        """The sampler's (video, frame) with what was read of it; what cannot be read is noted."""
        batches = iter(self.dataloader)
        for video, frame in self.dataloader.sampler.indices[get_rank()]:
            try:
                batch = next(batches)
            except Exception as error:  # A damaged file can raise nearly anything.
                if str(error).startswith('DataLoader worker (pid'):
                    raise  # A process was killed: no file's fault.
                if names[video] not in self._failures:
                    self._leave_out(names[video], self._explain(video, frame, error))
                continue
            yield (video, frame), batch

    def _explain(self, video: int, frame: int, error: Exception) -> str:
        """Which frame could not be read, and the last line of why."""
        dataset = self.dataloader.dataset
        image = dataset.get_img_infos_from_video(video)['img_paths'][frame]
        annotations = dataset.get_data_info(video)['ann_path']
        reason = f'{type(error).__name__}: {error}'.strip().splitlines()[-1]
        return f'frame {frame} (counted from 0), {image}, annotations {annotations}: {reason}'

    def _leave_out(self, name: str, reason: str) -> None:
        MMLogger.get_current_instance().error(f'{name}: {reason}')
        self._failures[name] = reason

    def _unusable_start(self, video: int, sample: TrackDataSample) -> str | None:
        """Why a tracker cannot start from the first box; None where some of it is inside."""
        points = np.asarray(sample.gt_instances.bboxes, dtype=np.float64).reshape(-1, 2)
        low, high = points.min(axis=0), points.max(axis=0)
        try:
            check_box([*low, *(high - low)], sample.ori_shape[1::-1])
        except InputError as error:
            path = self.dataloader.dataset.get_data_info(video)['ann_path']
            return f'{path}: the first box cannot be started from: {error}'
        return None


def spread(lengths: Sequence[int], processes: int) -> list[list[int]]:
    """Positions of videos of these lengths for each process, about as many frames for each."""
    shares: list[list[int]] = [[] for _ in range(processes)]
    frames = [0] * processes
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        least = frames.index(min(frames))
        shares[least].append(index)
        frames[least] += lengths[index]
    return [sorted(share) for share in shares]


def clock() -> float:
    """Seconds by the clock for times of frames; what a GPU was given before is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
