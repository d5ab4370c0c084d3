# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A folder of videos with boxes as data to test on."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmtrack.datasets import BaseSOTDataset
from mmtrack.registry import DATASETS

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import FLAG, checked, optional

from .video_folder import read_video_folder, read_video_list

_SHOWN = 5


@DATASETS.register_module()
class VideoFolderDataset(BaseSOTDataset):
    """The videos of a folder, to test on; :mod:`.video_folder` has the layout.

    All box files are read, and every fault is named, before the first frame is tracked. With
    mmtrack's metrics and with :class:`~tlpg_mmtrack.evaluation.TLPGSOTMetric`.

    Args:
        data_root: Folder of the videos.
        ann_file: A list of videos as mmtrack's ``OTB100Dataset`` takes it, to test on those alone;
            none is needed.
        one_based: Whether the top left pixel is (1, 1) in all box files, and not (0, 0); None: in
            those named ``groundtruth_rect.txt``.
        **kwargs: See ``BaseSOTDataset``.

    Raises:
        InputError: If the folder is missing, or a video cannot be tested on; names each, its file
            and the line.

    Example:
        >>> dataset = VideoFolderDataset(
        ...     data_root='data/mine', pipeline=[], test_mode=True)  # doctest: +SKIP
    """

    @checked(one_based=optional(FLAG))
    def __init__(
        self, data_root: str, ann_file: str = '', one_based: bool | None = None, **kwargs: Any
    ) -> None:
        self.one_based = one_based
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read all box files; one dict for each video."""
        if self.ann_file:
            videos, problems = read_video_list(self.ann_file, self.data_root, self.one_based)
        else:
            videos, problems = read_video_folder(self.data_root, self.one_based)
        if problems:
            reasons = [f'{name}: {reason}' for name, reason in problems.items()]
            more = f'; and {len(reasons) - _SHOWN} more' if len(reasons) > _SHOWN else ''
            raise InputError(
                f'data: {len(reasons)} of {len(reasons) + len(videos)} videos cannot be tested '
                f'on: {"; ".join(reasons[:_SHOWN])}{more}'
            )
        return [
            dict(
                video_path=str(video.images[0].parent),
                ann_path=str(video.annotation),
                img_paths=list(map(str, video.images)),
                bboxes=video.truth,
            )
            for video in videos
        ]

    def get_bboxes_from_video(self, video_idx: int) -> np.ndarray:
        """The boxes, (N, 4) float64 in (x, y, w, h), 0-based pixels; NaN where absent."""
        return self.get_data_info(video_idx)['bboxes'].copy()

    def get_img_infos_from_video(self, video_idx: int) -> dict:
        """The frames' paths."""
        paths = self.get_data_info(video_idx)['img_paths']
        return dict(
            video_id=video_idx,
            frame_ids=np.arange(len(paths)),
            img_paths=paths,
            video_length=len(paths),
        )

    def get_len_per_video(self, video_idx: int) -> int:
        """The number of frames."""
        return len(self.get_data_info(video_idx)['img_paths'])
