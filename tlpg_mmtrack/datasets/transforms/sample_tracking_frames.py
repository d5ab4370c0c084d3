# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Choice of the template and search frames of a training sample."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.option_rules import checked, whole


@TRANSFORMS.register_module()
class SampleTrackingFrames(BaseTransform):
    """Picks template frames and later search frames of one object.

    A still image is repeated; the crops that follow make its frames differ. Adds, each a list with
    an entry a frame, templates first: ``img_path``, ``frame_id``, ``video_id``, ``video_length``,
    ``instances`` (``bbox`` in (x1, y1, x2, y2) frame pixels) and ``outlines``; and ``rng``,
    ``is_still``, ``paste_only``, ``num_template_frames``, ``img_shape`` (None if unknown),
    ``peer`` and ``other``.

    Args:
        num_template_frames: Template frames of a sample.
        num_search_frames: Search frames of a sample.
        max_gap: Templates are taken from this many frames up to a random one, search frames from
            as many after it.
    """

    @checked(num_template_frames=whole(1), num_search_frames=whole(1), max_gap=whole(1))
    def __init__(
        self, num_template_frames: int = 2, num_search_frames: int = 2, max_gap: int = 30
    ) -> None:
        self.num_template_frames = num_template_frames
        self.num_search_frames = num_search_frames
        self.max_gap = max_gap

    def _choose(self, visible: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Indices of the frames, templates first."""
        shown = np.flatnonzero(visible)
        # The last shown frame has nothing after it to search in, unless it is the only one.
        pivot = shown[rng.integers(max(len(shown) - 1, 1))]
        past = shown[(shown <= pivot) & (shown > pivot - self.max_gap)]
        future = shown[(shown > pivot) & (shown <= pivot + self.max_gap)]
        if len(future) == 0:
            future = shown
        return np.concatenate(
            [
                rng.choice(past, self.num_template_frames),
                rng.choice(future, self.num_search_frames),
            ]
        )

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
