# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the datasets share: items that list their frames, and samples made of them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from textwrap import shorten
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmtrack.datasets import BaseSOTDataset

from tlpg_mmtrack.utils.errors import CorpusWarning, InputError
from tlpg_mmtrack.utils.option_rules import Fraction, NonNegative, checked


class ListedFrames(BaseSOTDataset):
    """Items of ``img_paths``, ``bboxes`` (N, 4) and, if it is known, ``img_shape``."""

    def get_bboxes_from_video(self, video_idx: int) -> np.ndarray:
        """The boxes, (N, 4) float64 in (x, y, w, h), 0-based pixels; no area where absent."""
        return self.get_data_info(video_idx)['bboxes'].copy()

    def get_img_infos_from_video(self, video_idx: int) -> dict:
        """The frames' paths, and their (height, width) where it is declared."""
        item = self.get_data_info(video_idx)
        count = len(item['img_paths'])
        infos = dict(video_id=video_idx, frame_ids=np.arange(count), video_length=count)
        return infos | {key: item[key] for key in ('img_paths', 'img_shape') if key in item}

    def get_len_per_video(self, video_idx: int) -> int:
        return len(self.get_data_info(video_idx)['img_paths'])


class TrackingSource(ListedFrames):
    """A training set in which each item is one object seen in one or more frames.

    The pipeline receives what mmtrack's own sampling transforms expect: a list of two sequences,
    the item and another one, each a dict of ``bboxes`` (N, 4) float64 in (x1, y1, x2, y2) frame
    pixels, ``bboxes_isvalid`` (N,), ``visible`` (N,), ``img_paths``, ``frame_ids``, ``video_id``,
    ``video_length``, and here also of ``outlines`` (of each frame the object's polygons, none
    without a mask) and ``paste_only``. The first also holds ``rng``, the generator of all that is
    random in the sample, and ``peer``, a sequence of the same category or None.

    Args:
        include: File name patterns (``fnmatch``) of the images or videos to use; None is all.
        exclude: Patterns of those to leave out.
        min_size: Least sqrt(width * height) in the image scaled to a long side of 480 pixels.
        max_cover: Objects that cover more than this share of the image are used for cut-and-paste
            alone, if they have a mask.
        **kwargs: See ``mmengine.dataset.BaseDataset``.
    """

    LONG_SIDE = 480.0
    OTHER_ATTEMPTS = 10

    @checked
    def __init__(
        self,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        min_size: NonNegative = 12.0,
        max_cover: Fraction = 0.6,
        **kwargs: Any,
    ) -> None:
        if isinstance(include, str) or isinstance(exclude, str):
            raise InputError("include, exclude: pass lists of patterns, such as ['coco_*']")
        self.include = include
        self.exclude = exclude
        self.min_size = min_size
        self.max_cover = max_cover
        self._left_out: dict[str, int] = {}
        super().__init__(**kwargs)

    def is_selected(self, name: str) -> bool:
        """Whether ``include`` and ``exclude`` let an image or video through."""
        wanted = self.include is None or any(fnmatch(name, pattern) for pattern in self.include)
        return wanted and not any(fnmatch(name, pattern) for pattern in self.exclude)

    def is_large_enough(self, boxes: np.ndarray, height: int, width: int) -> np.ndarray:
        """Whether boxes (..., 4), (x, y, w, h), of an image of this size pass ``min_size``."""
        scale = self.LONG_SIDE / max(height, width)
        return np.sqrt(boxes[..., 2] * boxes[..., 3]) * scale >= self.min_size

    def leave_out(self, name: str, message: str, count: int = 1) -> None:
        """Warn of ``count`` items that cannot be used; ``name`` is theirs in the summary."""
        self._left_out[name] = count
        warnings.warn(message, CorpusWarning, stacklevel=2)

    def check_loaded(self, items: list[dict], kind: str, expected: str) -> list[dict]:
        """Log in one line what is trained on, and what was left out; InputError if no item is."""
        where, count = self.ann_file or self.data_root, sum(self._left_out.values())
        reasons = shorten('; '.join(self._left_out), 300)
        if not items:
            lost = f'{count} left out: {reasons}; ' if count else ''
            raise InputError(
                f'{where}: no {kind} to train on (include={self.include}, exclude={self.exclude}, '
                f'min_size={self.min_size}); {lost}expected {expected}'
            )
        print_log(
            f'{where}: {len(items)} {kind}s, {count} left out'
            + (f' (warnings above): {reasons}' if count else ''),
            'current',
            logging.WARNING if count else logging.INFO,
        )
        return items

    def get_peer(self, video_idx: int, rng: np.random.Generator) -> int | None:
        """Index of another object of the same category, or None if there is none."""
        return None

    def get_sequence(self, video_idx: int) -> dict:
        """All that is known of one item; see the class for the keys."""
        item, frames = self.get_data_info(video_idx), self.get_img_infos_from_video(video_idx)
        return dict(
            **frames,
            **self.get_ann_infos_from_video(video_idx),
            outlines=item.get('outlines') or [[] for _ in frames['img_paths']],
            paste_only=item.get('paste_only', False),
        )

    def sample(
        self, video_idx: int, rng: np.random.Generator, draw_other: Callable[[], dict]
    ) -> dict | None:
        """One training sample: what the pipeline makes of an item, or None if it is unusable.

        ``rng`` decides all that is random in it; ``draw_other`` draws another sequence, again
        while its image is the item's, ``OTHER_ATTEMPTS`` times at most.
        """
        first = self.get_sequence(video_idx)
        for _ in range(self.OTHER_ATTEMPTS):
            other = draw_other()
            if set(first['img_paths']).isdisjoint(other['img_paths']):
                break
        peer = self.get_peer(video_idx, rng)
        first['rng'] = rng
        first['peer'] = None if peer is None else self.get_sequence(peer)
        return self.pipeline([first, other])

    def prepare_train_data(self, video_idx: int) -> dict | None:
        """One training sample, seeded from numpy's global state, which mmengine seeds."""
        rng = np.random.default_rng(np.random.randint(2**31))
        return self.sample(video_idx, rng, lambda: self.get_sequence(int(rng.integers(len(self)))))
