# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Choice and reading of frames: of a training sample, of a video that is tested on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.errors import CorpusWarning, InputError
from tlpg_mmtrack.utils.images import decode_image, read_image
from tlpg_mmtrack.utils.option_rules import CheckedOptions, Count


@TRANSFORMS.register_module()
@dataclass
class SampleTrackingFrames(CheckedOptions, BaseTransform):
    """Picks template frames and later search frames of one object.

    A still image is repeated. Adds, each a list with an entry a frame, templates first:
    ``img_path``, ``frame_id``, ``video_id``, ``video_length``, ``instances`` (``bbox`` in (x1, y1,
    x2, y2) frame pixels) and ``outlines``; and ``rng``, ``is_still``, ``paste_only``,
    ``num_template_frames``, ``img_shape`` (None if unknown), ``peer`` and ``other``.
    """

    num_template_frames: Count = 2
    num_search_frames: Count = 2
    max_gap: Count = 30  #: Most frames from a random one back to templates, on to search frames.

    def _choose(self, visible: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Indices of the frames, templates first."""
        shown = np.flatnonzero(visible)
        # The last shown frame has nothing after it to search in, unless it is the only one.
        pivot = shown[rng.integers(max(len(shown) - 1, 1))]
        past = shown[(shown <= pivot) & (shown > pivot - self.max_gap)]
        future = shown[(shown > pivot) & (shown <= pivot + self.max_gap)]
        if len(future) == 0:
            future = shown
        templates = rng.choice(past, self.num_template_frames)
        return np.concatenate((templates, rng.choice(future, self.num_search_frames)))

    def transform(self, results: list[dict]) -> dict | None:
        """Choose frames of the first of two sequences (see ``TrackingSource``)."""
        sequence, other = results
        if not np.any(sequence['visible']):
            return None
        rng = sequence['rng']
        chosen = [int(index) for index in self._choose(sequence['visible'], rng)]
        return dict(
            img_path=[sequence['img_paths'][i] for i in chosen],
            frame_id=[int(sequence['frame_ids'][i]) for i in chosen],
            video_id=[sequence['video_id']] * len(chosen),
            video_length=[sequence['video_length']] * len(chosen),
            instances=[[dict(bbox=sequence['bboxes'][i])] for i in chosen],
            outlines=[sequence['outlines'][i] for i in chosen],
            img_shape=sequence.get('img_shape'),
            is_still=sequence['video_length'] == 1,
            paste_only=sequence['paste_only'],
            num_template_frames=self.num_template_frames,
            peer=sequence['peer'],
            other=other,
            rng=rng,
        )


@TRANSFORMS.register_module()
class LoadTrackingFrames(BaseTransform):
    """Reads the frames of ``img_path``, each file once: ``img``, a list of (H, W, 3) uint8 BGR.

    The sample is dropped, with a warning that names the file, if one cannot be read, does not have
    its declared size, or has its object outside.
    """

    def transform(self, results: dict) -> dict | None:
        frames: dict[str, np.ndarray] = {}
        for path, instances in zip(results['img_path'], results['instances'], strict=True):
            if path in frames:
                continue
            frame, box = read_image(path, results['img_shape']), instances[0]['bbox']
            if frame is None:
                return None
            middle = (box[:2] + box[2:]) / 2.0
            if not ((middle >= 0.0) & (middle < frame.shape[1::-1])).all():
                fault = f'{path}: box {box.tolist()} has its centre outside; skipped'
                warnings.warn(fault, CorpusWarning, stacklevel=2)
                return None
            frames[path] = frame
        results['img'] = [frames[path] for path in results['img_path']]
        return results


@TRANSFORMS.register_module()
class LoadFrame(BaseTransform):
    """Reads a frame of a test, ``img``, as the demo does; 16-bit pictures, too."""

    def transform(self, results: dict) -> dict:
        """Add ``img``, (H, W, 3) uint8 BGR, and its size (H, W); InputError if that fails."""
        image = decode_image(results['img_path'])
        if image is None:
            raise InputError(f'{results["img_path"]}: cannot be read as an image')
        return dict(results, img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
