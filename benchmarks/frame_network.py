#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measure the per-frame network in PyTorch against the same network exported to ONNX.

From the crop to the proposals of both stages and the maps for the postprocess, on made-up input:
what the input is does not change the work. The two take turns call by call. Cutting the crop,
localising, the postprocess and the updates are not part of it. Processor time is shown as well: on
a busy machine it says more than the clock.

Needs: pip install -r requirements/export.txt
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tools'))

import numpy as np
import torch
from command_line import command

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.apis.export import export_onnx
from tlpg_mmtrack.models.trackers import FrameNetwork
from tlpg_mmtrack.models.trackers.onnx_tlpg import OnnxNetwork

WARM_UP = 3


def race(contenders: dict[str, Callable[[], object]], calls: int) -> dict[str, np.ndarray]:
    """Seconds of each call, (calls, 2): by the clock, and of the processor."""
    seconds = {name: [] for name in contenders}
    for _ in range(WARM_UP + calls):
        for name, call in contenders.items():
            clock, processor = time.perf_counter(), time.process_time()
            call()
            seconds[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {name: np.array(values[WARM_UP:]) for name, values in seconds.items()}


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--config', type=Path, help='(default: that of the shipped weights)')
    parser.add_argument('--checkpoint', type=Path, help='weights (default: the shipped ones)')
    parser.add_argument('--calls', type=int, default=50, help='(default: %(default)s)')
    parser.add_argument('--threads', type=int, default=1, help='(default: %(default)s)')
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)

    model = Tracker.from_pretrained(args.config, args.checkpoint, device='cpu').model
    network = FrameNetwork(model).eval()
    inputs = network.example_inputs()
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        export_onnx(model, Path(folder) / 'model.onnx')
        exported = OnnxNetwork(model, Path(folder) / 'model.onnx')
        seconds = race(
            {
                'PyTorch': lambda: network(*inputs),
                'onnxruntime': lambda: exported(*inputs),
                'PyTorch, backbone alone': lambda: model.backbone(inputs[0].float()),
            },
            args.calls,
        )
    print(f'{args.threads} thread(s), {args.calls} calls; milliseconds')
    print(f'{"":24s} {"median":>8s} {"processor, median":>18s} {"lowest":>8s}')
    for name, values in seconds.items():
        clock, processor = 1e3 * np.median(values, axis=0)
        lowest = 1e3 * values[:, 1].min()
        print(f'{name:24s} {clock:8.1f} {processor:18.1f} {lowest:8.1f}')


if __name__ == '__main__':
    sys.exit(main())
