# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Folders of short videos with a box a frame as training sequences."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from mmtrack.registry import DATASETS

from tlpg_mmtrack.utils.boxes import usable
from tlpg_mmtrack.utils.errors import CorpusWarning, InputError
from tlpg_mmtrack.utils.images import decode_image
from tlpg_mmtrack.utils.option_rules import checked

from .tracking_source import TrackingSource
from .video_folder import BOX_FILES, FolderVideo, find_videos


@DATASETS.register_module()
class TrackingVideoDataset(TrackingSource):
    """Each video of a folder is a sequence; :mod:`.video_folder` has the layout.

    A line without area (``0,0,0,0``, NaN) says that the object is absent. A video whose box file
    is missing or does not fit its frames is left out with a warning; so are frames whose box has
    its centre outside. An InputError if no video is left.

    Args:
        data_root: The folder of the videos.
        one_based: As :func:`.read_video_folder` has it.
        **kwargs: See ``TrackingSource``; ``include`` matches folder names.
    """

    @checked
    def __init__(self, data_root: str, one_based: bool | None = None, **kwargs: Any) -> None:
        self.one_based = one_based
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Find the videos and read their box files; one dict for each usable video."""
        found, problems = find_videos(self.data_root, self.one_based, self.is_selected)
        videos = []
        for video in found:
            try:
                videos.append(self._parse(video))
            except InputError as error:
                problems[video.name] = str(error)
        for name, reason in problems.items():
            self.leave_out(name, f'{Path(self.data_root, name)}: video left out: {reason}')
        expected = f'<name>/img/*.jpg and <name>/{BOX_FILES[0]}'
        return self.check_loaded(videos, 'video', expected)

    def _parse(self, video: FolderVideo) -> dict:
        """One video as a dict; raises if its boxes cannot be used."""
        first = decode_image(video.images[0])
        if first is None:
            raise InputError('its first frame cannot be read')
        height, width = first.shape[:2]
        shown = usable(video.truth)
        # A box without area says that the object is absent.
        boxes = np.where(shown[:, None], video.truth, 0.0)
        middle = boxes[:, :2] + boxes[:, 2:] / 2.0
        inside = ((middle >= 0.0) & (middle < (width, height))).all(axis=1)
        small_enough = boxes[:, 2] * boxes[:, 3] <= self.max_cover * height * width
        kept = shown & inside & small_enough & self.is_large_enough(boxes, height, width)
        outside, where = sum(shown & ~inside), f'outside the {width} x {height} frame'
        if not kept.any():
            detail = f'; {outside} boxes have their centre {where}' if outside else ''
            raise InputError(f'no frame shows an object of usable size{detail}')
        if outside:
            path, frames = Path(self.data_root, video.name), f'{outside} of {len(boxes)} frames'
            message = f'{path}: {frames} left out: the centre of their box is {where}'
            warnings.warn(message, CorpusWarning, stacklevel=2)
        boxes = np.where(kept[:, None], boxes, 0.0)
        return dict(img_paths=list(map(str, video.images)), bboxes=boxes)
