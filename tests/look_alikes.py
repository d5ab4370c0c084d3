# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Benchmarks in small: the true layouts and their exceptions, with made-up pictures and boxes.

Frames are links to one picture, so that videos keep their true lengths.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

ABSENT = 'NaN,NaN,NaN,NaN'


class LookAlike:
    """Writes videos below a folder.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        self._picture = root / '.picture.jpg'
        cv2.imwrite(str(self._picture), np.full((60, 80, 3), 90, dtype=np.uint8))

    def frames(self, folder: str, template: str, numbers: Iterable[int]) -> None:
        """Link the frames with these numbers."""
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        for number in numbers:
            os.link(self._picture, self.root / folder / (template % number))

    def text(self, path: str, lines: Sequence[object]) -> None:
        """Write a text file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(''.join(f'{line}\n' for line in lines))


def boxes(count: int, separator: str = ',') -> list[str]:
    """``count`` boxes that differ."""
    return [separator.join(map(str, (10 + index % 30, 8, 20, 16))) for index in range(count)]


#: Videos of OTB-100 that are an exception each, and two that are none.
OTB_FOLDERS = (
    'BlurCar3', 'Board', 'David', 'Football1', 'Human4', 'Jogging', 'Tiger1', 'Vase', 'Walking',
)  # fmt: skip


def write_otb100(folder: Path) -> None:
    """OTB-100's exceptions."""
    fake = LookAlike(folder)
    fake.frames('data/BlurCar3/img', '%04d.jpg', range(3, 360))
    fake.text('data/BlurCar3/groundtruth_rect.txt', boxes(357))
    fake.frames('data/Board/img', '%05d.jpg', range(1, 699))
    fake.text('data/Board/groundtruth_rect.txt', boxes(698, '\t'))
    # David's boxes begin with frame 300, but all frames are there; Football1 has more frames.
    fake.frames('data/David/img', '%04d.jpg', range(1, 771))
    fake.text('data/David/groundtruth_rect.txt', boxes(471, '\t'))
    fake.frames('data/Football1/img', '%04d.jpg', range(1, 80))
    fake.text('data/Football1/groundtruth_rect.txt', boxes(74))
    fake.frames('data/Human4/img', '%04d.jpg', range(1, 668))
    fake.text('data/Human4/groundtruth_rect.1.txt', [])
    fake.text('data/Human4/groundtruth_rect.2.txt', boxes(667))
    fake.frames('data/Jogging/img', '%04d.jpg', range(1, 308))
    for target in (1, 2):
        fake.text(f'data/Jogging/groundtruth_rect.{target}.txt', boxes(307))
    fake.frames('data/Tiger1/img', '%04d.jpg', range(1, 355))
    fake.text('data/Tiger1/groundtruth_rect.txt', boxes(354))
    fake.frames('data/Vase/img', '%04d.jpg', range(1, 272))
    fake.text('data/Vase/groundtruth_rect.txt', boxes(271))
    fake.frames('data/Walking/img', '%04d.jpg', range(1, 413))
    fake.text('data/Walking/groundtruth_rect.txt', boxes(412, ' '))


def write_lasot(folder: Path) -> None:
    """Two of LaSOT's videos; the target of the second is hidden twice."""
    fake = LookAlike(folder)
    for name, length in (('airplane-1', 9), ('zebra-10', 12)):
        video = f'LaSOTBenchmark/{name.partition("-")[0]}/{name}'
        fake.frames(f'{video}/img', '%08d.jpg', range(1, length + 1))
        fake.text(f'{video}/groundtruth.txt', boxes(length))
        fake.text(f'{video}/full_occlusion.txt', [','.join('0010'.ljust(length, '0'))])
        fake.text(f'{video}/out_of_view.txt', [','.join('00001'.ljust(length, '0'))])


def write_got10k(folder: Path) -> None:
    """Two videos of the test split, with one box, and two of the validation split."""
    fake = LookAlike(folder)
    for split in ('test', 'val'):
        names = [f'GOT-10k_{split.title()}_{index:06d}' for index in (1, 2)]
        fake.text(f'{split}/list.txt', names)
        for name, length in zip(names, (7, 10), strict=True):
            video = f'{split}/{name}'
            fake.frames(video, '%08d.jpg', range(1, length + 1))
            shown = 1 if split == 'test' else length
            fake.text(f'{video}/groundtruth.txt', [f'{box}.0000' for box in boxes(shown)])
            fake.text(f'{video}/meta_info.ini', ['[METAINFO]', 'resolution: (80, 60)'])
            if split == 'val':
                fake.text(f'{video}/absence.label', [int(index == 3) for index in range(length)])
                fake.text(f'{video}/cover.label', [8 * (index != 3) for index in range(length)])
                fake.text(f'{video}/cut_by_image.label', [0] * length)


def write_trackingnet(folder: Path) -> None:
    """Two of TrackingNet's test videos: frames from 0 without leading zeros, a single box."""
    fake = LookAlike(folder)
    for name, length in (('-VzSkGU-UHg_0', 12), ('zMZpQN_RmGM_3', 8)):
        fake.frames(f'TEST/frames/{name}', '%d.jpg', range(length))
        fake.text(f'TEST/anno/{name}.txt', boxes(1))


def write_uav123(folder: Path) -> None:
    """Three targets that share a folder of frames, and one absent for a while."""
    fake = LookAlike(folder)
    fake.frames('data_seq/UAV123/bird1', '%06d.jpg', range(1, 2438))
    for part, length in ((1, 253), (2, 703), (3, 865)):
        fake.text(f'anno/UAV123/bird1_{part}.txt', boxes(length))
    fake.frames('data_seq/UAV123/uav6', '%06d.jpg', range(1, 110))
    fake.text('anno/UAV123/uav6.txt', [*boxes(50), *[ABSENT] * 20, *boxes(39)])


def write_vot2018(folder: Path) -> None:
    """Two of VOT2018's videos: quadrilaterals, and boxes of four numbers."""
    fake = LookAlike(folder)
    fake.text('data/list.txt', ['ants1', 'zebrafish1'])
    for name in ('ants1', 'zebrafish1'):
        fake.frames(f'data/{name}/color', '%08d.jpg', range(1, 13))
        fake.text(f'data/{name}/occlusion.tag', [0] * 12)
    corners = [f'{10 + i}.5,8.25,{30 + i},9,{29 + i},25,{9 + i},24.5' for i in range(12)]
    fake.text('data/ants1/groundtruth.txt', corners)
    fake.text('data/zebrafish1/groundtruth.txt', [f'{box}.00' for box in boxes(12)])
