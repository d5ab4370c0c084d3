#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Compare designs of the target model by what one frame teaches it.

Prints the table that docs/decisions.md quotes. A `DCCHead` on EfficientNet-Lite0's C4 (ImageNet
weights, no training, no neck, one stage) learns the target from the augmented crops of the first
frame, in each of eight sequences. It then sees 12 later frames, out of the first 90, cut at the
true box with jitter (the crop's side by a factor exp(+-0.2), its place by +-0.4 target sizes): so
nothing is tracked, and no error carries over. Printed is the mean IoU with the true box of two
proposals: that of the cell nearest to the target's true centre, which tests the boxes alone, and
that of the cell of highest score.

Each row differs from the first by what it names. The last column is how much the IoU at the true
cell differs from the first row's, with the standard error of that difference over the sequences:
what is within two of them may be chance. Everything is seeded: on one machine the table is the
same every time. It takes about two minutes of one core.

The sequences are OTB's (Coke, Crossing, Deer, MountainBike, Subway), VOT2014's (car), DAVIS-2016's
(camel) and number 3 of ME5413's, unless --videos names others.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import command, data_parser, middle_box, read_frame, read_videos

# isort: split
import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.registry import init_default_scope
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.datasets.video_folder import FolderVideo
from tlpg_mmtrack.models.heads import DCCHead
from tlpg_mmtrack.models.trackers.augmentation import first_frame_crops
from tlpg_mmtrack.models.trackers.search_region import center_of
from tlpg_mmtrack.ops.crop import crop_patch

SEQUENCES = (
    'Coke',
    'MountainBike',
    'vot2014_car',
    'me5413_3',
    'Deer',
    'Subway',
    'davis_camel',
    'Crossing',
)
SIZE, SEARCH_SCALE = 288, 5.0
WARPS = 40
UNWARPED = 9
LATER_FRAMES, LAST_FRAME = 12, 90
SIDE_JITTER, PLACE_JITTER = 0.2, 0.4


@dataclass(frozen=True)
class Variant:
    """One row of the table."""

    name: str  #: What differs.
    head: dict = field(default_factory=dict)  #: Arguments of `DCCHead` that differ.
    iterations: int = 10  #: Iterations of the optimisers.
    #: First-frame crops warped in scale and aspect, beside the nine that are not.
    warps: int = WARPS
    #: Whether the offset kernel has its part that moves the grid of points as a whole.
    affine: bool = True


def regularised(affine: float, free: float) -> dict:
    """Arguments of a head whose offset kernel starts with these lambdas."""
    optimizer = dict(type='SDOptimizer', init_regularisation=(affine, free))
    return dict(learner=dict(type='AlternateLearner', offset_optimizer=optimizer))


def unhalved() -> dict:
    """Arguments of a head whose optimisers take every Gauss-Newton step at full length."""
    optimizer = dict(type='SDOptimizer', max_halvings=0)
    return dict(
        learner=dict(
            type='AlternateLearner',
            filter_optimizer=dict(optimizer, init_regularisation=(0.1,)),
            offset_optimizer=dict(optimizer, init_regularisation=(0.03, 0.1)),
        )
    )


def jointly(gradient_scale: float) -> dict:
    """Arguments of a head whose classification loss moves the points too, by this factor."""
    return dict(learner=dict(type='JointLearner', gradient_scale=gradient_scale))


def assigned(**options: Any) -> dict:
    """Arguments of a head that assigns labels otherwise."""
    return dict(assigner=dict(type='DCCAssigner', **options))


VARIANTS = (
    Variant('reference: 40 warps'),
    Variant('first frame: no scale and aspect warps', warps=0),
    Variant('first frame: 24 warps (TLPG default)', warps=24),
    Variant('grid: square, not template-sized', dict(offset_prior='square')),
    Variant('offset kernel: 1 x 1', dict(offset_kernel_size=1)),
    Variant('offset kernel: 5 x 5', dict(offset_kernel_size=5)),
    Variant('offset kernel: no affine part', affine=False),
    Variant('offset lambdas: 0.003, 0.01', regularised(0.003, 0.01)),
    Variant('offset lambdas: 0.01, 0.03', regularised(0.01, 0.03)),
    Variant('offset lambdas: 0.1, 0.3', regularised(0.1, 0.3)),
    Variant('offset lambdas: 0.3, 1.0', regularised(0.3, 1.0)),
    Variant('iterations: 30', iterations=30),
    Variant('iterations: 100', iterations=100),
    Variant('learning: joint, points held back (0.1)', jointly(0.1)),
    Variant('learning: joint, points not held back', jointly(1.0)),
    Variant('learning: joint (0.1), 30 iterations', jointly(0.1), iterations=30),
    Variant('regression cells a frame: 4', assigned(regression_cells=4)),
    Variant('label band: ignored', assigned(label_band='ignore')),
    Variant('steps never halved', unhalved()),
    Variant('cell offset: 0, as of ResNet', dict(cell_offset=0.0)),
    Variant('cell offset: 15, as the padding has it', dict(cell_offset=15.0)),
)


@dataclass(frozen=True)
class Footage:
    """What is measured of one sequence."""

    template: Tensor  #: (n, C, H, W), C4 of the first frame's crops.
    template_boxes: Tensor  #: (n, 4), (x1, y1, x2, y2) in crop pixels.
    search: Tensor  #: (m, C, H, W), C4 of the later frames' crops.
    search_boxes: Tensor  #: (m, 4).


def extract(backbone: torch.nn.Module, crops: np.ndarray) -> Tensor:
    """C4 of (n, S, S, 3) uint8 BGR crops."""
    images = torch.from_numpy(crops[..., ::-1].copy()).permute(0, 3, 1, 2).float()
    return backbone((images - 127.0) / 128.0)[0]


def load(video: FolderVideo, backbone: torch.nn.Module, generator: np.random.Generator) -> Footage:
    """Cut and describe the crops of one sequence."""
    paths, boxes = video.images, video.truth
    first, side = boxes[0], search_side(boxes[0])
    crops, crop_boxes = first_frame_crops(
        read_frame(paths[0]), first, side, SIZE, WARPS, np.random.default_rng(0)
    )
    later = np.linspace(1, min(len(boxes), LAST_FRAME) - 1, LATER_FRAMES).astype(int)
    cuts = [cut(paths[index], boxes[index], generator) for index in later]
    return Footage(
        template=extract(backbone, crops),
        template_boxes=torch.from_numpy(crop_boxes),
        search=extract(backbone, np.stack([crop for crop, _ in cuts])),
        search_boxes=torch.from_numpy(np.stack([box for _, box in cuts])).float(),
    )


def search_side(box: np.ndarray) -> float:
    """Side of the search region around (x, y, width, height), in frame pixels."""
    return SEARCH_SCALE * float(np.sqrt(box[2] * box[3]))


def cut(
    path: Path, box: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A jittered crop of a frame, and the box (x1, y1, x2, y2) in it."""
    side = search_side(box) * np.exp(generator.uniform(-SIDE_JITTER, SIDE_JITTER))
    shift = generator.uniform(-PLACE_JITTER, PLACE_JITTER, 2) * np.sqrt(box[2] * box[3])
    center = center_of(box) + shift
    crop = crop_patch(read_frame(path), center, side, SIZE)
    scale = SIZE / side
    return crop, middle_box(box[2:] * scale, SIZE) - np.tile(shift * scale, 2)


@torch.no_grad()
def measure(variant: Variant, sequences: Sequence[Footage], cell_offset: float) -> Tensor:
    """Mean IoU at the true cell and at the best-scored cell of each sequence, (sequences, 2)."""
    channels = sequences[0].template.shape[1]
    arguments = {'cell_offset': cell_offset, **variant.head}
    head = DCCHead(channels, channels, **arguments).eval()
    if not variant.affine:
        head.filter.affine_moves.zero_()
    crops = slice(0, UNWARPED + variant.warps)
    overlaps = []
    for sequence in sequences:
        boxes = sequence.template_boxes[None, crops]
        features = head.features(sequence.template[crops])[None]
        model = head.initialise(features[:, :1], boxes[:, :1])
        model = head.learn(model, head.samples(features, boxes), variant.iterations).model
        prediction = head.predict(model, head.features(sequence.search)[None])
        proposals = head.proposal_boxes(prediction.distances[0])
        truth = sequence.search_boxes
        rows, columns = prediction.scores.shape[-2:]
        cells = head.grid.to_cells(truth)
        center = (cells[:, :2] + cells[:, 2:]) / 2
        column, row = center.round().clamp(min=0).long().unbind(1)
        true_cell = row.clamp(max=rows - 1) * columns + column.clamp(max=columns - 1)
        best_cell = prediction.scores[0].flatten(1).argmax(1)
        frames = torch.arange(len(truth))
        overlaps.append(
            torch.stack(
                [
                    bbox_overlaps(proposals[frames, cell], truth, is_aligned=True).mean()
                    for cell in (true_cell, best_cell)
                ]
            )
        )
    return torch.stack(overlaps)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = data_parser(__doc__)
    args = parser.parse_args(arguments)
    videos = read_videos(args.data, args.videos or SEQUENCES)
    torch.set_num_threads(args.threads)
    init_default_scope('mmtrack')
    backbone = MODELS.build(dict(type='EfficientNetLite', out_levels=('C4',))).eval()
    generator = np.random.default_rng(1)
    with torch.no_grad():
        sequences = [load(video, backbone, generator) for video in videos]
    print(f'{"":42s} {"true cell":>9s} {"best cell":>9s}  difference')
    reference = None
    for variant in VARIANTS:
        overlaps = measure(variant, sequences, backbone.feature_info[0].cell_offset)
        true_cell, best_cell = overlaps.mean(dim=0).tolist()
        row = f'{variant.name:42s} {true_cell:9.3f} {best_cell:9.3f}'
        if reference is None:
            reference = overlaps
        else:
            change = (overlaps - reference)[:, 0]
            error = change.std() / len(change) ** 0.5
            row += f'  {change.mean():+.3f} +- {error:.3f}'
        print(row, flush=True)


if __name__ == '__main__':
    sys.exit(main())
