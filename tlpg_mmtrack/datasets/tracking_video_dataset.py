# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Folders of short videos with a box a frame as training sequences."""

from __future__ import annotations

import os
import os.path as osp
import warnings
from typing import Any

import numpy as np
from mmtrack.registry import DATASETS

from tlpg_mmtrack.files.natural_order import natural_key
from tlpg_mmtrack.option_rules import FLAG, checked

from .corpus_warning import CorpusWarning
from .image_files import decode_image
from .tracking_source import TrackingSource


@DATASETS.register_module()
class TrackingVideoDataset(TrackingSource):
    """Each folder ``<data_root>/<name>/`` is a sequence: ``img/`` with the frames, and a box file.

    The box file has one line a frame, in the natural order of the file names (2.jpg before
    10.jpg): ``x,y,w,h`` in pixels, separated by commas, tabs or spaces; a line without area
    (``0,0,0,0``, NaN) says that the object is absent. A video whose box file is missing or does
    not fit its frames is left out with a warning; so are frames whose box has its centre outside.

    Args:
        data_root: The folder of the videos.
        annotation_name: The box file's name; ``'groundtruth_rect.txt'`` for OTB folders.
        one_based: Whether the top left pixel is (1, 1), as in OTB, and not (0, 0).
        **kwargs: See ``TrackingSource``; ``include`` matches folder names.

    Raises:
        FileNotFoundError: If the folder is missing.
        ValueError: If no video is left to train on.

    Example:
        >>> dataset = TrackingVideoDataset(data_root='data/train/videos', pipeline=[])
        ... # doctest: +SKIP
    """

    FRAME_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp')

    @checked(one_based=FLAG)
    def __init__(
        self,
        data_root: str,
        annotation_name: str = 'groundtruth.txt',
        one_based: bool = False,
        **kwargs: Any,
    ) -> None:
        self.annotation_name = annotation_name
        self.one_based = one_based
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Find the videos and read their box files; one dict for each usable video."""
        if not osp.isdir(self.data_root):
            raise FileNotFoundError(f'data_root: {self.data_root} is not a folder of videos')
        videos = []
        for name in sorted(os.listdir(self.data_root)):
            folder = osp.join(self.data_root, name)
            if osp.isdir(folder) and self.is_selected(name):
                try:
                    videos.append(self._parse(folder))
                except (OSError, ValueError) as error:
                    warnings.warn(
                        f'{folder}: video left out: {error}', CorpusWarning, stacklevel=2
                    )
        if not videos:
            raise ValueError(
                f'{self.data_root}: no video to train on (include={self.include}, exclude='
                f'{self.exclude}); expected <name>/img/*.jpg and <name>/{self.annotation_name}'
            )
        return videos

    def _parse(self, folder: str) -> dict:
        """One video as a dict; raises if its boxes cannot be used."""
        frames = osp.join(folder, 'img')
        # Hidden files hold no picture: macOS puts ._0001.jpg beside 0001.jpg.
        names = sorted(
            (
                name
                for name in os.listdir(frames)
                if name.lower().endswith(self.FRAME_SUFFIXES) and not name.startswith('.')
            ),
            key=natural_key,
        )
        boxes = read_boxes(osp.join(folder, self.annotation_name))
        if len(boxes) != len(names):
            raise ValueError(
                f'{len(boxes)} boxes for {len(names)} frames ({", ".join(self.FRAME_SUFFIXES)}); '
                'give a line to each frame'
            )
        if self.one_based:
            boxes[:, :2] -= 1.0
        paths = [osp.join(frames, name) for name in names]
        first = decode_image(paths[0]) if paths else None
        if first is None:
            raise ValueError('its first frame is missing or cannot be read')
        height, width = first.shape[:2]
        usable = np.array([self._is_usable(box, height, width) for box in boxes], dtype=bool)
        outside = sum(_has_area(box) and not _is_inside(box, height, width) for box in boxes)
        where = f'outside the {width} x {height} frame'
        if not usable.any():
            detail = f'; {outside} boxes have their centre {where}' if outside else ''
            raise ValueError(f'no frame shows an object of usable size{detail}')
        if outside:
            warnings.warn(
                f'{folder}: {outside} of {len(boxes)} frames left out: the centre of their box is '
                f'{where}',
                CorpusWarning,
                stacklevel=2,
            )
        return dict(img_paths=paths, bboxes=boxes, usable=usable)

    def _is_usable(self, box: np.ndarray, height: int, width: int) -> bool:
        """Whether a frame's box (x, y, w, h) can be trained on."""
        if not (_has_area(box) and _is_inside(box, height, width)):
            return False
        small_enough = box[2] * box[3] <= self.max_cover * height * width
        return small_enough and self.is_large_enough(box, height, width)

    def get_bboxes_from_video(self, video_idx: int) -> np.ndarray:
        """The boxes, (N, 4) in (x, y, w, h); without area where a frame cannot be used."""
        item = self.get_data_info(video_idx)
        return np.where(item['usable'][:, None], item['bboxes'], 0.0)

    def get_masks_from_video(self, video_idx: int) -> list[list[np.ndarray]]:
        """Empty lists: videos have no masks."""
        return [[] for _ in range(self.get_len_per_video(video_idx))]

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


def _has_area(box: np.ndarray) -> bool:
    """Whether a box (x, y, w, h) says that the object is there."""
    return bool(np.isfinite(box).all() and box[2] > 0.0 and box[3] > 0.0)


def _is_inside(box: np.ndarray, height: int, width: int) -> bool:
    """Whether the centre of a box (x, y, w, h) is in the frame."""
    middle = box[:2] + box[2:] / 2.0
    return bool(0.0 <= middle[0] < width and 0.0 <= middle[1] < height)


def read_boxes(path: str) -> np.ndarray:
    """Read a box file: one line a frame, four numbers separated by commas, tabs or spaces.

    Args:
        path: The file.

    Returns:
        (N, 4) float64, as written.

    Raises:
        OSError: If it cannot be read.
        ValueError: If a line does not hold four numbers; names the line.
    """
    boxes = []
    # Windows' editors put a byte order mark first.
    with open(path, encoding='utf-8-sig') as file:
        for number, line in enumerate(file, 1):
            fields = line.replace(',', ' ').split()
            if not fields:
                continue
            try:
                x, y, width, height = map(float, fields)
            except ValueError:
                raise ValueError(
                    f'{path}, line {number}: expected x,y,w,h, got {line.strip()!r}'
                ) from None
            boxes.append((x, y, width, height))
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)
