# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Time the deformable correlation against mmcv's operator; judge the filter's optimiser."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from mmcv.utils.ext_loader import check_ops_exist
from torch import Tensor

import tlpg_mmtrack  # noqa: F401  (registers the components)
from tlpg_mmtrack.models.learners import FilterProblem, SDOptimizer, plain_sampler
from tlpg_mmtrack.ops import deformable_correlation

KERNEL = 5


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument('--channels', type=int, default=512, help='channels of the features')
    parser.add_argument('--size', type=int, default=22, help='side of the score map in cells')
    parser.add_argument(
        '--frames', type=int, nargs='+', default=[1, 50], help='frames correlated at once'
    )
    parser.add_argument('--repeats', type=int, default=5, help='runs; the median is printed')
    parser.add_argument('--threads', type=int, help='CPU threads; as many as torch chooses')
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    return parser.parse_args()


def milliseconds(function: Callable[[], object], repeats: int, device: str) -> float:
    """Median time of one call, the first call not counted."""
    times = []
    for _ in range(repeats + 1):
        _wait(device)
        start = time.perf_counter()
        function()
        _wait(device)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def _wait(device: str) -> None:
    if device.startswith('cuda'):
        torch.cuda.synchronize(device)


def make_case(frames: int, args: argparse.Namespace) -> tuple[Tensor, Tensor, Tensor]:
    """Features, one filter, and offsets of about a cell."""
    generator = torch.Generator().manual_seed(0)
    shapes = (
        (frames, args.channels, args.size, args.size),
        (1, args.channels, KERNEL, KERNEL),
        (frames, 2 * KERNEL**2, args.size, args.size),
    )
    return tuple(torch.randn(shape, generator=generator).to(args.device) for shape in shapes)


def time_correlation(args: argparse.Namespace) -> None:
    """Print a line per number of frames: ours, mmcv's, the ratio, and how far the two differ."""
    compiled = check_ops_exist()
    print('deformable correlation: frames, ours (ms), mmcv (ms), ratio, relative error')
    for frames in args.frames:
        case = make_case(frames, args)
        with torch.inference_mode():
            ours = milliseconds(
                lambda case=case: deformable_correlation(*case), args.repeats, args.device
            )
            if not compiled:
                print(f'{frames:6d} {ours:12.2f} {"-":>12} {"-":>8} {"-":>9}')
                continue
            theirs = milliseconds(
                lambda case=case: deformable_correlation(*case, backend='mmcv'),
                args.repeats,
                args.device,
            )
            reference = deformable_correlation(*case, backend='mmcv')
            error = (deformable_correlation(*case) - reference).abs().max() / reference.abs().max()
        print(f'{frames:6d} {ours:12.2f} {theirs:12.2f} {theirs / ours:7.0f}x {error.item():9.1e}')
    if not compiled:
        print(
            'mmcv has no compiled operators here, so there is nothing to compare with: '
            'set up with `make setup MMCV=full` and run again in that environment.'
        )


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


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    print(
        f'torch {torch.__version__}, {args.device}, {torch.get_num_threads()} CPU threads, '
        f'{args.channels} channels, {args.size}x{args.size} cells, {KERNEL}x{KERNEL} filter, '
        f'median of {args.repeats}'
    )
    time_correlation(args)
    report_convergence()


if __name__ == '__main__':
    main()
