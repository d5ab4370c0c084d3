#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What learning online is worth, and how far from its optimum it stops, with the shipped weights.

`tracking` runs the tracker with less and less of it: other numbers of iterations on the first
frame, smaller memories, no updates, nothing at all. It prints AUC, the time of a frame and of the
first one, and writes tracking.csv and tracking.png. Interrupted, the same command goes on.

`objective` learns each sequence's first frame and follows the objectives of both stages, of the
offset kernel and then of the filter, from iteration to iteration. The lowest value that L-BFGS
finds from where steepest descent ends stands for the optimum: neither problem is convex, so it is
an upper bound of it. Printed is the share of the way from the start to there that is gone after so
many iterations, and the mean of what is left, in parts of the optimum; objective.csv has the
courses, objective.png shows them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common import (
    command,
    data_parser,
    machine,
    middle_box,
    read_frame,
    read_videos,
    shipped_tracker,
)

# isort: split
import numpy as np
import torch
from tlpg_tools.baselines import TLPGBaseline
from tlpg_tools.harness import run_tracker
from tlpg_tools.reports import new_figure, save_figure, write_csv
from torch import Tensor

from tlpg_mmtrack.datasets.video_folder import FolderVideo
from tlpg_mmtrack.evaluation.results import ResultsFolder
from tlpg_mmtrack.models.heads import DCCHead
from tlpg_mmtrack.models.learners import Parameters, ResidualProblem, SDOptimizer
from tlpg_mmtrack.models.torchscript import tensors_of
from tlpg_mmtrack.models.trackers import TLPG
from tlpg_mmtrack.structures import TargetModel, TemplateSamples

NO_UPDATES = dict(update_interval=10**9, hard_negative_iters=0)
VARIANTS: dict[str, dict] = {
    'as configured': {},
    'first frame: 5 iterations': dict(first_iters=5),
    'first frame: 1 iteration': dict(first_iters=1),
    'first frame: none': dict(first_iters=0),
    'memory: 10 frames': dict(memory_size=10),
    'memory: 1 frame': dict(memory_size=1),
    'no updates': NO_UPDATES,
    'nothing learned online': dict(first_iters=0, **NO_UPDATES),
}
"""As configured: 10 iterations on the first frame, a memory of 50 frames."""
ITERATIONS, SHOWN = 50, (1, 5, 10, 50)
LBFGS_ITERATIONS = 200


@dataclass(frozen=True)
class Course:
    """One minimisation on one sequence."""

    video: str  #: The sequence.
    problem: str  #: Which of the stages' problems.
    objectives: list[float]  #: At the start and after every iteration.
    optimum: float  #: The lowest value found.

    @property
    def left(self) -> np.ndarray:
        """Share of the way to the optimum that is left, (iterations + 1,)."""
        excess = np.array(self.objectives) - self.optimum
        return excess / max(excess[0], 1e-12)


def measure(name: str, videos: Sequence[FolderVideo], out: Path) -> list:
    """One row: name, AUC, milliseconds of a frame and of the first one."""
    folder = out / name.replace(':', '').replace(' ', '_')
    figures = run_tracker(TLPGBaseline(shipped_tracker(**VARIANTS[name])), videos, folder)
    results = ResultsFolder(folder)
    starts = [results.read(video.name).times[0] for video in videos]
    return [name, figures['otb/success'], 1000 / figures['fps'], 1000 * float(np.mean(starts))]


def track(videos: Sequence[FolderVideo], out: Path) -> None:
    """The table of the variants, and its picture."""
    rows = [measure(name, videos, out) for name in VARIANTS]
    print('| | AUC | ms a frame | ms, first frame |\n| --- | --- | --- | --- |')
    for name, auc, frame, first in rows:
        print(f'| {name} | {auc:.1f} | {frame:.1f} | {first:.0f} |')
    write_csv(out / 'tracking.csv', ['variant', 'otb AUC', 'ms a frame', 'ms first frame'], rows)
    figure = new_figure(7.0, 4.5)
    axes = figure.add_subplot()
    for name, auc, frame, _ in rows:
        axes.plot(frame, auc, 'o')
        axes.annotate(name, (frame, auc), xytext=(5, 3), textcoords='offset points', fontsize=8)
    axes.margins(x=0.25)
    axes.set(xlabel='milliseconds a frame, updates included', ylabel='AUC, percent')
    axes.set_title(f'{len(videos)} sequences, shipped weights', fontsize='medium')
    axes.grid(alpha=0.3)
    save_figure(out / 'tracking.png', figure)


def stages(model: TLPG, video: FolderVideo) -> list[tuple[DCCHead, TargetModel, TemplateSamples]]:
    """Of both stages: the head, where learning starts, and the first frame's samples."""
    frame, box = read_frame(video.images[0]), video.truth[0]
    options = model.options
    scale = options.crop_size / options.search_scale / np.sqrt(box[2] * box[3])
    plain = torch.from_numpy(middle_box(box[2:] * scale, options.crop_size)).float()
    heads = [model.head, model.refiner.head]
    found = []
    # A memory that offsets are learned from has all of the problem.
    model.options = replace(options, update_offsets=True)
    started = model.start(frame, box).stages
    model.options = options
    for head, stage in zip(heads, started, strict=True):
        # Copies: tracking's own are of inference mode, and L-BFGS needs gradients.
        samples = TemplateSamples(*(x.clone() for x in tensors_of(stage.memory.samples)))
        start = head.initialise(samples.features[:, :1], plain.view(1, 1, 4))
        found.append((head, start, samples))
    return found


def lowest(optimizer: SDOptimizer, problem: ResidualProblem, start: Parameters) -> float:
    """The lowest objective that L-BFGS finds from a starting point."""
    blocks = [block.detach().clone().requires_grad_() for block in start]
    search = torch.optim.LBFGS(
        blocks, max_iter=LBFGS_ITERATIONS, history_size=20, line_search_fn='strong_wolfe'
    )

    def closure() -> Tensor:
        search.zero_grad()
        value = optimizer.objective(problem.evaluate(tuple(blocks))).sum()
        value.backward(inputs=blocks)
        return value

    with torch.enable_grad():
        search.step(closure)
    return optimizer.objective(problem.evaluate(tuple(blocks))).item()


def follow(
    video: str, name: str, optimizer: SDOptimizer, problem: ResidualProblem, start: Parameters
) -> tuple[Course, list[Parameters]]:
    """Minimise, and look for the optimum; also gives the iterates."""
    course = optimizer.minimise(problem, start, ITERATIONS)
    values = [value.item() for value in course.objectives]
    optimum = min(values[-1], lowest(optimizer, problem, course.parameters))
    return Course(video, name, values, optimum), course.iterates


@torch.no_grad()
def courses(model: TLPG, video: FolderVideo) -> list[Course]:
    """Of both stages, the offset kernel's and the filter's course on a first frame."""
    found = []
    for number, (head, start, samples) in enumerate(stages(model, video), start=1):
        offsets, iterates = follow(
            video.name,
            f'stage {number}, offset kernel',
            head.learner.offset_optimizer,
            head.problems(samples).of_boxes(start),
            (start.affine, start.free),
        )
        affine, free = iterates[model.options.first_iters]
        moved = replace(start, affine=affine, free=free)
        filters, _ = follow(
            video.name,
            f'stage {number}, filter',
            head.learner.filter_optimizer,
            head.problems(samples).of_filter(moved),
            (moved.filter,),
        )
        found += [offsets, filters]
    return found


def report(found: Sequence[Course], out: Path) -> None:
    """The table of the courses, and their picture."""
    names = sorted({course.problem for course in found})
    shown = ' | '.join(f'{count}' for count in SHOWN)
    print(f'| share of the way gone after | {shown} | left after 10, of the optimum |')
    print('| --- |' + ' --- |' * (len(SHOWN) + 1))
    figure = new_figure(8.0, 6.0)
    for axes, name in zip(
        figure.subplots(2, 2, sharex=True, sharey=True).flat, names, strict=True
    ):
        chosen = [course for course in found if course.problem == name]
        left = np.array([course.left for course in chosen])
        excess = np.mean([course.objectives[10] / course.optimum - 1 for course in chosen])
        gone = ' | '.join(f'{1 - left[:, count].mean():.3f}' for count in SHOWN)
        print(f'| {name} | {gone} | {excess:.3f} |')
        axes.semilogy(left.T, color='tab:gray', lw=0.8)
        axes.semilogy(left.mean(axis=0), color='tab:blue', lw=2)
        axes.axvline(10, color='black', lw=0.8, ls=':')
        axes.set_title(name, fontsize='medium')
        axes.set(xlabel='iterations', ylabel='share left', ylim=(1e-3, 1.1))
        axes.grid(alpha=0.3)
    save_figure(out / 'objective.png', figure)
    write_csv(
        out / 'objective.csv',
        ['sequence', 'problem', 'lowest found', *(f'{i}' for i in range(ITERATIONS + 1))],
        [[c.video, c.problem, c.optimum, *c.objectives] for c in found],
    )


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = data_parser(__doc__)
    parser.add_argument('what', choices=('tracking', 'objective'))
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    args = parser.parse_args(arguments)
    logging.basicConfig(format='%(message)s', level=logging.INFO)
    torch.set_num_threads(args.threads)
    videos = read_videos(args.data, args.videos)
    args.out.mkdir(parents=True, exist_ok=True)
    frames = sum(len(video.images) for video in videos)
    print(f'{len(videos)} sequences, {frames} frames; {machine(args.threads)}')
    if args.what == 'tracking':
        track(videos, args.out)
    else:
        model = shipped_tracker().model
        report([course for video in videos for course in courses(model, video)], args.out)


if __name__ == '__main__':
    sys.exit(main())
