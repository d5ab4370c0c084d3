#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Compare ways to improve a box, by IoU-Net or by regression, with the shipped weights.

Prints the table that docs/decisions.md quotes. Both see the target in the first frame of each
sequence. In 12 later frames, spread over the whole sequence and cut with jitter, they are given
eight boxes around the true one: moved by a normal variate of 6 % of the size, scaled in width and
height by another of 15 %, and by --growth, for boxes that have come to be too large. Printed is
the mean IoU with the true box before and after, and the time for a box. Nothing is tracked, so no
error carries over. Everything is seeded.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common import command, data_parser, middle_box, read_frame, read_videos

# isort: split
import numpy as np
import torch
from first_frame import SIZE, cut, search_side
from mmdet.structures.bbox import bbox_overlaps, bbox_xyxy_to_cxcywh
from torch import Tensor

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.datasets.video_folder import FolderVideo
from tlpg_mmtrack.models.heads.box_regression_head import Template
from tlpg_mmtrack.models.heads.iou_net_head import vary_boxes
from tlpg_mmtrack.models.torchscript import tensors_of
from tlpg_mmtrack.models.trackers import TLPG
from tlpg_mmtrack.models.trackers.postprocess import Postprocess
from tlpg_mmtrack.models.trackers.search_region import center_of
from tlpg_mmtrack.ops.crop import crop_patch

LATER_FRAMES, STARTS = 12, 8
MOVE, SCALE = 0.06, 0.15


@dataclass(frozen=True)
class Case:
    """One later frame."""

    modulation: tuple[Tensor, ...]  #: IoU-Net's view of the template.
    features: tuple[Tensor, ...]  #: IoU-Net's maps of the frame's crop.
    template: Template  #: The regression's view of the template.
    levels: tuple[Tensor, ...]  #: The backbone's C3 and C4 of the frame's crop.
    truth: Tensor  #: (1, 4), the true box in crop pixels.


Search = Callable[[TLPG, Case, Tensor], Tensor]
"""(model, case, (1, 4) box) to (1, 4) box."""


def unchanged(model: TLPG, case: Case, box: Tensor) -> Tensor:
    """The box itself."""
    return box


def rounds(*extents: float, count: int = 5) -> Search:
    """A search by IoU-Net: in each round, the mean of the best variations of that extent."""

    def search(model: TLPG, case: Case, box: Tensor) -> Tensor:
        for extent in extents:
            variations = vary_boxes(box.unsqueeze(1), extent * model.iou_head.variations)
            iou = model.iou_head.predict_iou(case.modulation, case.features, variations)[0]
            box = variations[0, iou.topk(count).indices].mean(dim=0, keepdim=True)
        return box

    return search


def searched(model: TLPG, case: Case, box: Tensor) -> Tensor:
    """The search of IoU-Net's head itself, without a last size to be drawn to."""
    return model.iou_head.search(case.modulation, case.features, box)


def regressed(times: int) -> Search:
    """Box regression, several times in a row."""

    def regress(model: TLPG, case: Case, box: Tensor) -> Tensor:
        for _ in range(times):
            box = model.box_head(case.template, case.levels, box[None])[0]
        return box

    return regress


def searched_and_regressed(model: TLPG, case: Case, box: Tensor) -> Tensor:
    """The mean of IoU-Net's search and of what is regressed from it."""
    box = searched(model, case, box)
    return (box + regressed(1)(model, case, box)) / 2


def as_configured(model: TLPG, case: Case, box: Tensor) -> Tensor:
    """The tracker's own, a coarse search and two regressions, without a last size."""
    postprocess = Postprocess(model.iou_head, model.box_head)
    last_size = box[0, 2:] - box[0, :2]
    template = tensors_of(case.template)
    maps = (case.modulation, case.features, template, case.levels)
    return postprocess(box[0], last_size, *maps)[0][None]


def ascent(steps: int, length: float) -> Search:
    """ATOM's gradient ascent, in centre by initial size and log size."""

    def search(model: TLPG, case: Case, box: Tensor) -> Tensor:
        center, size = bbox_xyxy_to_cxcywh(box).split(2, dim=1)
        place = torch.cat((center / size, size.log()), dim=1)
        with torch.enable_grad():
            for _ in range(steps):
                place = place.detach().requires_grad_()
                half = place[:, 2:].exp() / 2
                middle = place[:, :2] * size
                moved = torch.cat((middle - half, middle + half), dim=1)
                iou = model.iou_head.predict_iou(case.modulation, case.features, moved[None]).sum()
                (gradient,) = torch.autograd.grad(iou, place)
                place = place + length * gradient
        half, middle = place.detach()[:, 2:].exp() / 2, place.detach()[:, :2] * size
        return torch.cat((middle - half, middle + half), dim=1)

    return search


ROWS: dict[str, Search] = {
    'none': unchanged,
    'regression': regressed(1),
    'regression, twice': regressed(2),
    'as configured: a coarse search, two regressions': as_configured,
    'search': searched,
    'search, regression, their plain mean': searched_and_regressed,
    'search, a fine round': rounds(1),
    'search, a coarse round': rounds(2),
    'search, two fine rounds': rounds(1, 1),
    'search, the best one alone': rounds(2, 1, count=1),
    'search, mean of the best ten': rounds(2, 1, count=10),
    'gradient ascent, 5 steps of 0.02': ascent(5, 0.02),
}


def levels(model: TLPG, crop: np.ndarray) -> tuple[Tensor, ...]:
    """The backbone's C3 and C4."""
    return model.extract(torch.from_numpy(crop[None]).permute(0, 3, 1, 2)).levels[:2]


def load(video: FolderVideo, model: TLPG, generator: np.random.Generator) -> list[Case]:
    """Cut and describe the crops of one sequence."""
    paths, boxes = video.images, video.truth
    first, side = boxes[0], search_side(boxes[0])
    crop = crop_patch(read_frame(paths[0]), center_of(first), side, SIZE)
    template = torch.from_numpy(middle_box(first[2:] * SIZE / side, SIZE)).float()
    first_levels = levels(model, crop)
    modulation = model.iou_head.modulation(first_levels, template[None])
    view = model.box_head.template(first_levels, template[None])
    cases = []
    for index in np.linspace(1, len(boxes) - 1, LATER_FRAMES).astype(int):
        crop, box = cut(paths[index], boxes[index], generator)
        maps = levels(model, crop)
        features = model.iou_head.features(maps)
        truth = torch.from_numpy(box).float()[None]
        cases.append(Case(modulation, features, view, maps, truth))
    return cases


def starts(truth: Tensor, growth: float, generator: torch.Generator) -> Tensor:
    """(STARTS, 4) boxes around the true one, on average so many times as large."""
    center, size = bbox_xyxy_to_cxcywh(truth).split(2, dim=1)
    noise = torch.randn(STARTS, 4, generator=generator)
    center = center + MOVE * noise[:, :2] * size
    half = growth * size * (SCALE * noise[:, 2:]).exp() / 2
    return torch.cat((center - half, center + half), dim=1)


def measure(
    search: Search, model: TLPG, sequences: Sequence[Sequence[Case]], growth: float
) -> Tensor:
    """Mean IoU of each sequence, (sequences,)."""
    generator = torch.Generator().manual_seed(0)
    overlaps = []
    for cases in sequences:
        found = [
            bbox_overlaps(search(model, case, box[None]), case.truth).squeeze()
            for case in cases
            for box in starts(case.truth, growth, generator)
        ]
        overlaps.append(torch.stack(found).mean())
    return torch.stack(overlaps)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = data_parser(__doc__)
    parser.add_argument(
        '--growth', type=float, default=1.0, help='side of the given boxes (default: %(default)s)'
    )
    args = parser.parse_args(arguments)
    videos = read_videos(args.data, args.videos)
    torch.set_num_threads(args.threads)
    model = Tracker.from_pretrained().model
    generator = np.random.default_rng(0)
    with torch.no_grad():
        sequences = [load(video, model, generator) for video in videos]
        print(f'{"":36s} {"IoU":>6s}  {"difference":16s} ms a box')
        reference = None
        for name, search in ROWS.items():
            began = time.perf_counter()
            overlaps = measure(search, model, sequences, args.growth)
            spent = (time.perf_counter() - began) / (len(sequences) * LATER_FRAMES * STARTS)
            reference = overlaps if reference is None else reference
            change = overlaps - reference
            error = change.std() / len(change) ** 0.5
            print(
                f'{name:36s} {overlaps.mean():6.3f}  {change.mean():+.3f} +- {error:.3f} '
                f'{1000 * spent:10.1f}',
                flush=True,
            )


if __name__ == '__main__':
    sys.exit(main())
