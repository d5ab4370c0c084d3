# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Time the deformable correlation against mmcv's operator, and test the filter's optimiser.

One frame, and the 50 frames of a memory. The optimiser's steepest descent is compared with the
closed-form optimum of a linear problem. Needs mmcv with compiled operators: make setup MMCV=full.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from common import command, describe, machine, wait

# isort: split
import torch
from mmcv.utils.ext_loader import check_ops_exist
from torch import Tensor

from tlpg_mmtrack.models.learners import FilterProblem, SDOptimizer, plain_sampler
from tlpg_mmtrack.ops import deformable_correlation

CHANNELS, SIZE, KERNEL = 512, 22, 5
FRAMES, REPEATS = (1, 50), 5


def milliseconds(function: Callable[[], object], repeats: int, device: str) -> float:
    """Median time of one call, the first call not counted."""
    times = []
    for _ in range(repeats + 1):
        wait(device)
        start = time.perf_counter()
        function()
        wait(device)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def make_case(frames: int, device: str | torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Features, one filter, and offsets of about a cell."""
    generator = torch.Generator().manual_seed(0)
    shapes = (
        (frames, CHANNELS, SIZE, SIZE),
        (1, CHANNELS, KERNEL, KERNEL),
        (frames, 2 * KERNEL**2, SIZE, SIZE),
    )
    return tuple(torch.randn(shape, generator=generator).to(device) for shape in shapes)


@torch.inference_mode()
def time_correlation(device: str) -> None:
    """Print a line for each number of frames: ours, mmcv's, the ratio, and how they differ."""
    print('deformable correlation: frames, ours (ms), mmcv (ms), ratio, relative error')
    for frames in FRAMES:
        calls = [
            partial(deformable_correlation, *make_case(frames, device), backend=backend)
            for backend in ('torch', 'mmcv')
        ]
        ours = milliseconds(calls[0], REPEATS, device)
        if not check_ops_exist():
            print(f'{frames:6d} {ours:12.2f}   mmcv has no compiled operators here')
            continue
        theirs = milliseconds(calls[1], REPEATS, device)
        result, reference = (call() for call in calls)
        error = (result - reference).abs().max() / reference.abs().max()
        print(f'{frames:6d} {ours:12.2f} {theirs:12.2f} {theirs / ours:7.0f}x {error.item():9.1e}')


def linear_problem() -> tuple[FilterProblem, Tensor]:
    """A filter's linear least-squares problem (every label 1), and its optimum.

    The optimum is of the regularised normal equations, with the optimiser's initial lambda.
    """
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 4, 8, 9, 9, generator=generator, dtype=torch.float64)
    labels = torch.ones(1, 4, 9, 9, dtype=torch.float64)
    problem = FilterProblem(features, labels, labels / 4, plain_sampler(features, KERNEL))
    unit = torch.eye(8 * KERNEL**2, dtype=torch.float64).view(-1, 1, 8, KERNEL**2)
    columns = [problem.predict((vector,)).flatten() / 2 for vector in unit]
    matrix = torch.stack(columns, dim=1)
    square = torch.eye(matrix.shape[1], dtype=torch.float64) * 0.1**2
    optimum = torch.linalg.solve(matrix.T @ matrix + square, matrix.T @ (labels.flatten() / 2))
    return problem, optimum.view(1, 8, KERNEL**2)


def report_convergence() -> None:
    """Print how close 10 iterations come to the closed-form optimum of the linear problem."""
    problem, optimum = linear_problem()
    optimizer = SDOptimizer().double()
    with torch.no_grad():
        best = optimizer.objective(problem.evaluate((optimum,)))
        course = optimizer.minimise(problem, (torch.zeros_like(optimum),), 10).objectives
    gaps = [((value - best) / (course[0] - best)).item() for value in course]
    print('steepest descent on the linear problem: share of the objective still above the optimum')
    print('  '.join(f'{step}: {gap:.1e}' for step, gap in enumerate(gaps)))


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(__doc__)
    parser.add_argument('--threads', type=int, help='CPU threads; as many as torch chooses')
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    args = parser.parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    print(
        f'{machine(torch.get_num_threads())}, {args.device}, {CHANNELS} channels, {SIZE}x{SIZE} '
        f'cells, {KERNEL}x{KERNEL} filter, median of {REPEATS}'
    )
    time_correlation(args.device)
    report_convergence()


if __name__ == '__main__':
    sys.exit(main())
