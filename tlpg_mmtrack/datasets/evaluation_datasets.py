# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Data to test on: a folder of videos with boxes, and GOT-10k's validation split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mmtrack.datasets import BaseSOTDataset, GOT10kDataset
from mmtrack.registry import DATASETS

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import checked

from .tracking_source import ListedFrames
from .video_folder import read_video_folder, read_video_list

_SHOWN = 5


@DATASETS.register_module()
class VideoFolderDataset(ListedFrames):
    """The videos of a folder, to test on; :mod:`.video_folder` has the layout.

    All box files are read before the first frame is tracked: an InputError names each video that
    cannot be tested on, its file and the line.

    Args:
        data_root: Folder of the videos.
        ann_file: A list of the videos to test on, as mmtrack's ``OTB100Dataset`` takes it; all if
            it is empty.
        one_based: As :func:`.read_video_folder` has it.
        **kwargs: See ``BaseSOTDataset``.
    """

    @checked
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
            count, reasons = len(problems), [f'{name}: {problems[name]}' for name in problems]
            raise InputError(
                f'data: {count} of {count + len(videos)} videos cannot be tested on: '
                f'{"; ".join(reasons[:_SHOWN])}{"; ..." if count > _SHOWN else ""}'
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


@DATASETS.register_module()
class GOT10kValidationDataset(GOT10kDataset):
    """Every frame's box, and whether the target can be seen, for GOT-10k's own measures.

    mmtrack's ``GOT10kDataset`` gives only the first box when it tests: it is made for the split
    ``test``, whose other boxes are not public.
    """

    # One frame, as mmtrack's data sets with boxes for every frame give it.
    prepare_test_data = BaseSOTDataset.prepare_test_data

    def get_visibility_from_video(self, video_idx: int) -> dict[str, np.ndarray]:
        """Whether any of the target can be seen: ``cover.label`` above 0, as GOT-10k counts."""
        video = self.get_data_info(video_idx)['video_path']
        path = Path(self.data_prefix['img_path']) / video / 'cover.label'
        return dict(visible=self._loadtxt(str(path), dtype=int) > 0)
