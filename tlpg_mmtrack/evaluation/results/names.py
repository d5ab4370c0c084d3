# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Names of a data set's videos, each once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePath

from mmtrack.datasets import BaseSOTDataset

from tlpg_mmtrack.utils.errors import InputError

#: Folders of frames inside a video's own folder.
_FRAME_FOLDERS = ('img', 'color')


def video_names(dataset: BaseSOTDataset) -> list[str]:
    """Name every video of one of mmtrack's data sets.

    mmtrack's metric takes the folder of the frames, which several of OTB's and UAV123's videos
    share: the annotation file tells those apart. ``Jogging/groundtruth_rect.2.txt`` is
    ``Jogging-2``, and ``anno/UAV123/bird1_3.txt`` is ``bird1_3``.

    Raises:
        InputError: If two videos have the same name.
    """
    infos = [dataset.get_data_info(index) for index in range(dataset.num_videos)]
    names = [_name(info['video_path'], info['ann_path']) for info in infos]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(
            f'dataset: several videos are named {repeated[0]!r} after their folder and annotation '
            'file; name them apart in the list of videos'
        )
    return names


def _name(video_path: str, annotation_path: str) -> str:
    folders = PurePath(video_path).parts
    folder = folders[-2] if folders[-1] in _FRAME_FOLDERS and len(folders) > 1 else folders[-1]
    annotation = PurePath(annotation_path).stem
    if not annotation.startswith('groundtruth'):
        return annotation
    target = re.fullmatch(r'groundtruth_rect\.(\d+)', annotation)
    return f'{folder}-{target[1]}' if target else folder
