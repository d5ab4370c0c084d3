# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Draw how the tracker works, from the tensors of one frame that it really tracks.

Writes offsets.jpg (where the filter samples at the target), scores.jpg (the score maps of both
stages) and proposals.jpg (the proposals of both stages and the reported box). docs/method.md shows
them, as they come out for the demo's clip.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tlpg_tools.command_line import command, describe

import tlpg_mmtrack  # noqa: F401  (makes mmdet importable)
from tlpg_mmtrack.utils.errors import InputError

# isort: split
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mmdet.structures.bbox import bbox_overlaps
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.utils.frames import open_source
from tlpg_mmtrack.utils.inputs import check_box, check_frame

if TYPE_CHECKING:
    from torch import Tensor

    from tlpg_mmtrack.models.trackers import TLPG
    from tlpg_mmtrack.models.trackers.frame_network import Observation

UNDISPLACED, DISPLACED, FINAL = '#ffd23f', '#3bceac', '#ee4266'
PANEL_INCHES = 3.2


@dataclass(frozen=True)
class Look:
    """One frame as the tracker saw it."""

    crop: np.ndarray  #: (S, S, 3) uint8, RGB.
    seen: Observation  #: What network and target models say of it.
    sizes: list[np.ndarray]  #: For each stage (height, width) in cells of the undisplaced grid.
    box: np.ndarray  #: (4,) the box reported for the frame, (x1, y1, x2, y2) in crop pixels.


@torch.no_grad()
def look(model: TLPG, source: str | Path, box: Sequence[float], index: int) -> Look:
    """Track up to frame ``index`` and keep what is seen of it.

    Raises:
        InputError: If the video is shorter, a frame cannot be used, or the box lies outside.
    """
    frames = read_frames(source, index)
    target = model.start(frames[0], check_box(box, (frames[0].shape[1], frames[0].shape[0])))
    for frame in frames[1:-1]:
        model.step(frame, target)
    region = model.online.search_region(target)
    crop = region.cut(frames[-1])
    seen = model.online.observe(crop, target)
    sizes = [stage.model.size[0].numpy() for stage in target.stages]
    x, y, width, height = model.step(frames[-1], target).box
    corners = np.array([x, y, x + width, y + height]) - 0.5
    return Look(
        crop=crop[..., ::-1],
        seen=seen,
        sizes=sizes,
        box=(corners - np.tile(region.center, 2)) * region.scale + (region.size - 1) / 2,
    )


def read_frames(source: str | Path, index: int) -> list[np.ndarray]:
    """The frames up to and including ``index``, each (H, W, 3) uint8, BGR.

    Raises:
        InputError: If the video is shorter, or one of them cannot be read or is too small.
    """
    if index < 0:
        raise InputError(f'--frame: must be 0 or more, got {index}')
    frames = []
    for number, frame in itertools.islice(open_source(source), index + 1):
        if frame is None:
            raise InputError(f'--video: frame {number} of {source} cannot be read')
        frames.append(check_frame(frame))
    if len(frames) <= index:
        raise InputError(f'--frame: {source} has {len(frames)} frames, got {index}')
    return frames


def draw_offsets(model: TLPG, view: Look) -> Figure:
    """The first stage's sampling points at the cell of highest score, and the box they span."""
    head, prediction = model.head, view.seen.stages[0]
    peak = int(prediction.scores.argmax())
    cell = np.array(divmod(peak, prediction.scores.shape[-1]))
    displaced = prediction.points[0, 0, :, peak].view(-1, 2).numpy()
    grid = head.filter.unit_grid.view(-1, 2).numpy() * view.sizes[0]
    figure, axes = panels(2)
    box = head.proposal_boxes(prediction.distances[0])[0, peak].numpy()
    for axis, points, colour in (
        (axes[0], grid, UNDISPLACED),
        (axes[1], displaced, DISPLACED),
    ):
        place = head.grid.to_pixels(torch.from_numpy(cell + points)).numpy()
        show_crop(axis, view, zoom=box)
        axis.scatter(place[:, 1], place[:, 0], s=14, color=colour, edgecolor='black', lw=0.5)
    frame_box(axes[1], box, DISPLACED)
    axes[0].set_title('template-sized grid')
    axes[1].set_title('points after learning, and their box')
    return figure


def draw_scores(model: TLPG, view: Look) -> Figure:
    """The crop and the score map of every stage over it."""
    predictions = view.seen.stages
    figure, axes = panels(1 + len(predictions))
    show_crop(axes[0], view)
    axes[0].set_title('crop')
    for stage, (axis, prediction) in enumerate(zip(axes[1:], predictions, strict=True), start=1):
        scores = prediction.scores[0, 0].numpy()
        first, last = model.head.grid.to_pixels(torch.tensor([-0.5, len(scores) - 0.5])).tolist()
        show_crop(axis, view)
        image = axis.imshow(
            scores, extent=(first, last, last, first), alpha=0.65, cmap='magma', vmin=0, vmax=1
        )
        axis.set_title(f'scores of stage {stage}')
    figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


def draw_proposals(model: TLPG, view: Look) -> Figure:
    """Stage 1's best proposals and their centres, stage 2's there, and the reported box."""
    first, second = view.seen.stages
    boxes = model.head.proposal_boxes(first.distances[0])[0]
    scores = first.scores.flatten()
    near = bbox_overlaps(boxes[scores.argmax()][None], boxes)[0] > 0.5
    boxes, scores = boxes[near], scores[near]
    best = boxes[scores.topk(min(model.refiner.max_proposals, len(scores))).indices]
    cells, new = model.refiner.centers(boxes, scores, tuple(second.scores.shape[-2:]))
    cells = cells[new]
    refined = model.refiner.head.proposal_boxes(second.distances[0])[0, cells]
    figure, axes = panels(3)
    for axis, title in zip(
        axes, ('stage 1: boxes and centres', 'stage 2, at those centres', 'answer'), strict=True
    ):
        show_crop(axis, view, zoom=view.box)
        axis.set_title(title)
    for box in best.numpy():
        frame_box(axes[0], box, UNDISPLACED, 0.6)
        axes[0].plot(*centre(box), '.', color=UNDISPLACED, ms=4)
    for cell, box in zip(cells.tolist(), refined.numpy(), strict=True):
        frame_box(axes[1], box, DISPLACED, 0.6)
        row, column = divmod(cell, second.scores.shape[-1])
        place = model.head.grid.to_pixels(torch.tensor([float(column), float(row)])).tolist()
        axes[1].plot(*place, '+', color=DISPLACED, ms=7)
    frame_box(axes[2], view.box, FINAL)
    return figure


def panels(count: int) -> tuple[Figure, Sequence[Axes]]:
    """A figure of square pictures side by side."""
    figure = Figure(figsize=(PANEL_INCHES * count, PANEL_INCHES + 0.3), layout='constrained')
    return figure, figure.subplots(1, count)


def show_crop(axis: Axes, view: Look, zoom: np.ndarray | None = None) -> None:
    """Show the crop, or where it is around a box."""
    axis.imshow(view.crop)
    axis.set_axis_off()
    if zoom is not None:
        middle, half = centre(zoom), 0.9 * max(zoom[2:] - zoom[:2])
        axis.set_xlim(middle[0] - half, middle[0] + half)
        axis.set_ylim(middle[1] + half, middle[1] - half)


def frame_box(axis: Axes, box: np.ndarray, colour: str, width: float = 2.0) -> None:
    """Draw a box (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = box
    axis.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=colour, lw=width)


def centre(box: np.ndarray | Tensor) -> np.ndarray:
    """(x, y) of a box's centre."""
    return np.array([box[0] + box[2], box[1] + box[3]]) / 2


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(__doc__)
    parser.add_argument('--out', type=Path, default=Path('docs/images'), help='(%(default)s)')
    parser.add_argument('--video', type=Path, help="(default: the demo's clip)")
    parser.add_argument(
        '--box',
        nargs=4,
        type=float,
        default=DEMO_BOX,
        metavar=('X', 'Y', 'W', 'H'),
        help="the object in the first frame (default: the demo's)",
    )
    parser.add_argument('--frame', type=int, default=60, help='frame to draw (%(default)s)')
    args = parser.parse_args(arguments)
    model = Tracker.from_pretrained(device='cpu').model
    view = look(model, args.video or demo_clip(), args.box, args.frame)
    args.out.mkdir(parents=True, exist_ok=True)
    for draw in (draw_offsets, draw_scores, draw_proposals):
        path = args.out / f'{draw.__name__.removeprefix("draw_")}.jpg'
        draw(model, view).savefig(path, dpi=110)
        print(f'wrote {path}')


if __name__ == '__main__':
    sys.exit(main())
