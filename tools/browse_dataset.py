#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Show what a tracker is trained on.

Writes contact sheets (sheet_000.png, ...) into the output folder. Each row is one training sample
as the model receives it: the template crops, framed in blue, then the search crops, framed in
orange, each with the target's box in green. Below each row: the number of the sample and the file
of its target. Look for boxes that are off, targets nobody could find, and sources that show too
often or never.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tlpg_tools.command_line import add_changes, change_config, command, describe, positive, within

from tlpg_mmtrack.utils.config import read_config
from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    from torch.utils.data import Dataset

TEMPLATE_COLOUR = (200, 120, 0)
SEARCH_COLOUR = (0, 140, 255)
BOX_COLOUR = (0, 255, 0)
CAPTION_HEIGHT = 18


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = describe(
        __doc__,
        'tools/browse_dataset.py configs/_base_/datasets/tlpg_small.py --samples 24',
    )
    parser.add_argument('config', help='config file with a train_dataloader')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('outputs/browse'),
        help='output folder (default: %(default)s)',
    )
    parser.add_argument(
        '--samples', type=positive, default=24, help='how many to show (default: %(default)s)'
    )
    parser.add_argument(
        '--start',
        type=within(int, 0),
        default=0,
        help='number of the first (default: %(default)s)',
    )
    parser.add_argument(
        '--rows', type=positive, default=12, help='samples on one sheet (default: %(default)s)'
    )
    add_changes(parser)
    return parser.parse_args(arguments)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Write the sheets."""
    options = parse_args(arguments)
    dataset = build_dataset(options.config, options.cfg_options)
    options.out.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, options.samples, options.rows)):
        last = min(first + options.rows, options.samples)
        rows = [draw_sample(dataset, options.start + i) for i in range(first, last)]
        path = options.out / f'sheet_{number:03d}.png'
        if not cv2.imwrite(str(path), np.concatenate(rows)):
            raise InputError(f'--out: {path} cannot be written; pass another folder')
        print(path)


def build_dataset(config_path: str, changes: dict[str, Any] | None) -> Dataset:
    """The training set of a config, changed by dotted key.

    Raises:
        InputError: If the config has none, or one that cannot be built.
    """
    # Not at the top: `--help` answers at once without it.
    from mmtrack.registry import DATASETS

    config = read_config(config_path)
    change_config(config, changes)
    if 'train_dataloader' not in config:
        raise InputError(f'{config_path}: has no train_dataloader')
    try:
        return DATASETS.build(config.train_dataloader.dataset)
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f'{config_path}: its train_dataloader.dataset cannot be built ({error})'
        ) from error


def draw_sample(dataset: Dataset, index: int) -> np.ndarray:
    """One row of a sheet, (S + 18, (T + T') * S, 3) uint8: crops side by side over a caption."""
    sample = dataset[index]
    labels = sample['data_samples']
    crops = []
    for key, boxes, colour in (
        ('img', labels.gt_instances.bboxes, TEMPLATE_COLOUR),
        ('search_img', labels.search_gt_instances.bboxes, SEARCH_COLOUR),
    ):
        for crop, box in zip(sample['inputs'][key], boxes, strict=True):
            crops.append(draw_crop(crop.permute(1, 2, 0).numpy(), box.numpy(), colour))
    row = np.concatenate(crops, axis=1)
    caption = np.zeros((CAPTION_HEIGHT, row.shape[1], 3), dtype=np.uint8)
    path = labels.img_path if isinstance(labels.img_path, str) else labels.img_path[0]
    text = f'{index}  {os.path.join(*Path(path).parts[-3:])}'
    cv2.putText(caption, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1)
    return np.concatenate([row, caption])


def draw_crop(crop: np.ndarray, box: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Draw a box (x1, y1, x2, y2) and a frame of the given colour on a copy of a crop."""
    canvas = np.ascontiguousarray(crop)
    x1, y1, x2, y2 = (round(float(edge)) for edge in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), BOX_COLOUR, 1)
    height, width = canvas.shape[:2]
    cv2.rectangle(canvas, (0, 0), (width - 1, height - 1), colour, 2)
    return canvas


if __name__ == '__main__':
    sys.exit(main())
