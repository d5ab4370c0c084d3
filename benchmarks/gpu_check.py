#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Check and measure what only a GPU can show, in about eight minutes; it installs nothing.

boxes        The demo's clip tracked on the CPU and on the device: how far boxes differ, in pixels.
transpose    How far the offset field's convolution and its transpose are from agreeing, relative:
             TF32 in one of them would show as 1e-3 and more.
tracking     Frames a second: TLPG with EfficientNet-Lite0 (shipped weights), TLPG-R50 ranked by
             IoU-Net and by score, and mmtrack's PrDiMP-R50, in turns; R50 with random weights.
step         A training step of both shipped configs in float32 and with autocast: samples a
             second, the highest memory, and whether the losses are finite.
operator     mmcv's compiled deformable convolution against ours, where mmcv has one.
training     R50 trained with autocast for --seconds on crops of the demo's first frame: samples a
             second, share of five steps in which the GPU computes, loss at the start and the end.

Prints a table and, with --out, writes JSON. What fails is reported with its message, and the exit
code is 1. --device cpu --quick tries the command itself, without a GPU.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from common import add_names, build, command, demo_frames, describe, machine

# isort: split
import numpy as np
import ops
import torch
import track
from mmcv.utils.ext_loader import check_ops_exist
from mmengine.config import Config
from torch import Tensor

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.apis.building import checked_device
from tlpg_mmtrack.models.deformable_filter import OffsetField
from tlpg_mmtrack.models.trackers import TLPG
from tlpg_mmtrack.models.trackers.augmentation import first_frame_crops
from tlpg_mmtrack.ops import deformable_correlation

Figures = dict[str, float]
CONFIGS = {'efflite0': track.EFFLITE0, 'r50': track.R50}
CHECKS = ('boxes', 'transpose', 'tracking', 'step', 'operator', 'training')


class Checks:
    """The checks, each a method that returns figures by name.

    ``quick``: to do as little as shows that the command runs; ``seconds``: of the training.
    """

    def __init__(self, device: torch.device, quick: bool, seconds: float) -> None:
        self.device, self.quick = device, quick
        self.seconds = 1.0 if quick else seconds
        self.frames, self.box = demo_frames(8 if quick else 100)

    def boxes(self) -> Figures:
        """Against the CPU's."""
        found = []
        for device in ('cpu', self.device):
            tracker = Tracker.from_pretrained(device=device)
            tracker.init(self.frames[0], self.box)
            found.append([tracker.track(frame).box for frame in self.frames[1:]])
        difference = np.abs(np.subtract(*found))
        return {'largest difference, pixels': difference.max(), 'median': np.median(difference)}

    @torch.no_grad()
    def transpose(self) -> Figures:
        """``<A v, u>`` against ``<v, A^T u>``."""
        generator = torch.Generator().manual_seed(0)

        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator).to(self.device)

        field = OffsetField(draw(1, 4, 512, 22, 22), 3, 0.2)
        kernel, cotangent = draw(1, 512 * 9 + 1, 50), draw(4, 50, 22 * 22)
        outputs, back = field.apply(kernel), field.transpose(cotangent)
        size = outputs.double().norm() * cotangent.double().norm()
        gap = (outputs.double() * cotangent).sum() - (kernel.double() * back).sum()
        return {'relative gap': float(gap.abs() / size)}

    def tracking(self) -> Figures:
        """Frames a second of four trackers."""
        by_score = Config.fromfile(track.R50).model
        by_score.test_cfg.update(postprocess='nms', **track.ALWAYS_FOUND)
        shipped = Tracker.from_pretrained(device=self.device).model
        contenders = [
            track.tlpg('EfficientNet-Lite0', shipped, False),
            track.tlpg('R50, NMS', build(by_score).to(self.device), True),
            *track.r50_contenders(self.device),
        ]
        track.race(contenders, self.frames, self.box)
        return {each.name: 1 / float(np.median(each.measured)) for each in contenders}

    def step(self) -> Figures:
        """Samples a second of both configs, with and without autocast."""
        figures = {}
        for name, mixed in itertools.product(CONFIGS, (False, True)):
            model, batch = self._model(name), self._batch(name)
            step = Step(model, torch.optim.SGD(model.parameters(), 1e-6), mixed)
            seconds, losses = [], []
            for _ in range(2 if self.quick else 12):
                begin = time.perf_counter()
                # Its loss is read, so that the device is waited for.
                losses.append(step(batch))
                seconds.append(time.perf_counter() - begin)
            key = f'{name}, {"autocast" if mixed else "float32"}'
            figures[f'{key}: samples/s'] = len(batch[1]) / float(np.median(seconds[1:]))
            if self.device.type == 'cuda':
                figures[f'{key}: GiB'] = torch.cuda.max_memory_allocated(self.device) / 2**30
                torch.cuda.reset_peak_memory_stats(self.device)
            if not np.isfinite(losses).all():
                raise ArithmeticError(f'{key}: losses {losses}')
        return figures

    def operator(self) -> Figures:
        """Milliseconds of 50 frames."""
        if not check_ops_exist():
            return {}
        case = ops.make_case(2 if self.quick else 50, self.device)
        with torch.inference_mode():
            return {
                backend: ops.milliseconds(
                    lambda backend=backend: deformable_correlation(*case, backend=backend),
                    2,
                    str(self.device),
                )
                for backend in ('torch', 'mmcv')
            }

    def training(self) -> Figures:
        """R50, for so many seconds."""
        model, batch = self._model('r50'), self._batch('r50')
        step = Step(model, torch.optim.Adam(model.parameters(), 1e-5), True)
        losses, begin = [], time.perf_counter()
        while len(losses) < 2 or time.perf_counter() - begin < self.seconds:
            losses.append(step(batch))
        edge = max(len(losses) // 10, 1)
        return {
            'samples/s': len(losses) * len(batch[1]) / (time.perf_counter() - begin),
            'busy': busy(lambda: step(batch), self.device),
            'loss, first tenth': float(np.mean(losses[:edge])),
            'loss, last tenth': float(np.mean(losses[-edge:])),
        }

    # ------------------------------------------------------------- what they share

    def _model(self, name: str) -> TLPG:
        config = Config.fromfile(CONFIGS[name]).model
        if name == 'efflite0':
            config.backbone.frozen = False
        return build(config).to(self.device).train()

    def _batch(self, name: str) -> tuple[dict[str, Tensor], list]:
        """Crops of the first frame: 3 templates and 3 search crops for each of some sequences."""
        size = Config.fromfile(CONFIGS[name]).model.test_cfg.get('crop_size', 288)
        count = 1 if self.quick else 8
        side = 5 * float(np.sqrt(self.box[2] * self.box[3]))
        crops, boxes = first_frame_crops(
            self.frames[0], self.box, side, size, 6 * count, np.random.default_rng(0)
        )
        # The last ones are the warped ones.
        images = torch.from_numpy(crops[-6 * count :]).permute(0, 3, 1, 2).float().to(self.device)
        images = images.view(count, 2, 3, 3, size, size)
        corners = torch.from_numpy(boxes[-6 * count :]).to(self.device).view(count, 2, 3, 4)
        samples = [
            SimpleNamespace(
                gt_instances=SimpleNamespace(bboxes=first),
                search_gt_instances=SimpleNamespace(bboxes=second),
            )
            for first, second in corners
        ]
        return dict(img=images[:, 0], search_img=images[:, 1]), samples


class Step:
    """A training step; ``mixed``: with autocast, to float16 on a GPU."""

    def __init__(self, model: TLPG, optimizer: torch.optim.Optimizer, mixed: bool) -> None:
        self.model, self.optimizer, self.mixed = model, optimizer, mixed
        self.device = next(model.parameters()).device.type
        self.scaler = torch.amp.GradScaler(self.device, enabled=mixed and self.device == 'cuda')

    def __call__(self, batch: tuple[dict[str, Tensor], list]) -> float:
        """Run it; returns the loss."""
        half = torch.float16 if self.device == 'cuda' else torch.bfloat16
        with torch.autocast(self.device, half, enabled=self.mixed):
            loss = sum(self.model.loss(*batch).values())
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.item()


def busy(step: Callable[[], object], device: torch.device) -> float:
    """Share of five steps in which the GPU computes; NaN on a CPU."""
    if device.type != 'cuda':
        return float('nan')
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    begin = time.perf_counter()
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(5):
            step()
    elapsed = time.perf_counter() - begin
    return sum(event.self_device_time_total for event in profile.key_averages()) / 1e6 / elapsed


def run(checks: Checks, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run the checks and print each one's figures as it ends."""
    results = {}
    for name in names:
        begin = time.perf_counter()
        try:
            results[name] = getattr(checks, name)()
        # Whatever it is: the rest is wanted from the one machine that there is.
        except Exception as error:
            results[name] = {'failed': f'{type(error).__name__}: {error}'}
        print(f'{name} ({time.perf_counter() - begin:.0f} s)', flush=True)
        for key, value in results[name].items():
            print(f'  {key:40s} {value if isinstance(value, str) else f"{value:.4g}"}')
    return results


@command()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; the exit code."""
    parser = describe(__doc__)
    add_names(parser, CHECKS)
    parser.add_argument('--device', default='cuda:0', help='(default: %(default)s)')
    parser.add_argument('--quick', action='store_true', help='as little as runs everything once')
    parser.add_argument('--seconds', type=float, default=120, help='(default: %(default)s)')
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args(arguments)
    device = checked_device(args.device)
    gpu = torch.cuda.get_device_name(device) if device.type == 'cuda' else 'no GPU'
    name = f'{gpu}; {machine(torch.get_num_threads())}'
    print(name)
    results = run(Checks(device, args.quick, args.seconds), args.what)
    if args.out is not None:
        report = dict(device=name, quick=args.quick, checks=results)
        args.out.write_text(json.dumps(report, indent=2) + '\n')
    return int(any('failed' in figures for figures in results.values()))


if __name__ == '__main__':
    sys.exit(main())
