# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A small corpus: green objects on grey noise, so that a test can find them by their colour."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

GREEN = (0, 255, 0)


def grey_noise(height: int, width: int, seed: int) -> np.ndarray:
    """A grey picture with soft texture, (height, width, 3) uint8."""
    coarse = np.random.default_rng(seed).integers(60, 200, (height // 8 + 1, width // 8 + 1))
    grey = cv2.resize(coarse.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.merge([grey, grey, grey])


def write_stills(folder: Path, count: int = 4, with_masks: bool = True) -> Path:
    """Write `count` images, each with one green box at a known place, and a COCO file."""
    (folder / 'images').mkdir(parents=True)
    content: dict = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': 'box'}]}
    for index in range(count):
        image = grey_noise(240, 320, index)
        x, y, width, height = 100 + 10 * index, 80, 60, 40
        image[y : y + height, x : x + width] = GREEN
        name = f'set{index % 2}_{index}.png'
        cv2.imwrite(str(folder / 'images' / name), image)
        content['images'].append(dict(id=index, file_name=name, width=320, height=240))
        annotation = dict(id=index, image_id=index, category_id=1, bbox=[x, y, width, height])
        if with_masks:
            right, bottom = x + width, y + height
            annotation['segmentation'] = [[x, y, right, y, right, bottom, x, bottom]]
        content['annotations'].append(annotation)
    (folder / 'annotations.json').write_text(json.dumps(content))
    return folder


def write_config(path: Path, base: Path, stills: Path) -> Path:
    """Write a config that is as a base, but for the images: those that `write_stills` wrote."""
    path.write_text(
        f'_base_ = {str(base)!r}\n'
        "dataset = dict(type='TrackingImageDataset', ann_file='annotations.json',\n"
        f"    data_root={str(stills)!r}, data_prefix=dict(img_path='images'),\n"
        '    pipeline={{_base_.train_pipeline}})\n'
        'image_dataset = dict(datasets=[dataset], weights=[1.0])\n'
        'train_dataloader = dict(dataset=image_dataset)\n'
    )
    return path


def write_video(folder: Path, frames: int = 12, absent: tuple[int, ...] = ()) -> Path:
    """Write a video of a green box that moves by 3 pixels a frame, in 240 x 320 frames."""
    (folder / 'img').mkdir(parents=True)
    lines = []
    for index in range(frames):
        image = grey_noise(240, 320, 99)
        x, y, width, height = 60 + 3 * index, 90, 40, 50
        if index in absent:
            lines.append('0,0,0,0')
        else:
            image[y : y + height, x : x + width] = GREEN
            lines.append(f'{x},{y},{width},{height}')
        cv2.imwrite(str(folder / 'img' / f'{index + 1:06d}.jpg'), image)
    (folder / 'groundtruth.txt').write_text('\n'.join(lines) + '\n')
    return folder


def find_green(crop: np.ndarray) -> np.ndarray:
    """The box (x1, y1, x2, y2) of the green pixels of a crop, at pixel edges."""
    crop = crop.astype(int)
    rows, columns = np.nonzero(crop[..., 1] - crop[..., [0, 2]].max(axis=-1) > 100)
    return np.array([columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5])
