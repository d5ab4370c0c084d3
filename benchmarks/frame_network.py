#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measure the per-frame network in PyTorch, in OpenVINO, and exported to ONNX in onnxruntime.

From the crop to the proposals of both stages and the maps for the postprocess, on made-up input:
what the input is does not change the work. They take turns call by call. Cutting the crop,
localising, the postprocess and the updates are not part of it. Processor time is shown as well: on
a busy machine it says more than the clock. `start` is the processor's time for the first two
calls, which convert and trace; `error` is the largest difference to PyTorch's outputs, relative to
each one's largest value.

Needs: pip install -r requirements/fast.txt -r requirements/export.txt
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from common import add_threads, command, describe, machine

# isort: split
import numpy as np
import torch
from tlpg_tools.onnx_file import export_onnx
from torch import Tensor

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.models.openvino_function import RUNTIMES
from tlpg_mmtrack.models.trackers import TLPG, FrameNetwork

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


def networks(model: TLPG) -> dict[str, FrameNetwork]:
    """The model's network with every runtime."""
    found = {}
    for runtime in RUNTIMES[1:]:
        model.options = replace(model.options, runtime=runtime)
        found[runtime] = FrameNetwork(model).eval()
    return found


def exported(model: TLPG, path: Path, threads: int) -> Callable[..., Sequence[Tensor]]:
    """The model's network, exported and opened by onnxruntime."""
    import onnxruntime

    export_onnx(model, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, ['CPUExecutionProvider'])
    names = [node.name for node in session.get_inputs()]
    outputs = FrameNetwork(model).output_names

    def run(*inputs: Tensor) -> list[Tensor]:
        feed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return list(map(torch.from_numpy, session.run(outputs, feed)))

    return run


def start(calls: dict[str, Callable]) -> tuple[dict[str, float], dict[str, float]]:
    """Processor seconds of the first two calls, and the outputs' error against the first one's."""
    seconds, outputs = {}, {}
    for name, call in calls.items():
        begin = time.process_time()
        call()
        outputs[name] = call()
        seconds[name] = time.process_time() - begin
    reference = next(iter(outputs.values()))
    errors = {
        name: max(
            float((ours - theirs).abs().max() / ours.abs().max())
            for ours, theirs in zip(reference, values, strict=True)
        )
        for name, values in outputs.items()
    }
    return seconds, errors


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(__doc__)
    parser.add_argument('--calls', type=int, default=50, help='(default: %(default)s)')
    add_threads(parser, 1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)

    model = Tracker.from_pretrained(device='cpu').model
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        contenders, inputs = networks(model), FrameNetwork(model).example_inputs()
        contenders['onnxruntime'] = exported(model, Path(folder) / 'model.onnx', args.threads)
        calls = {name: partial(network, *inputs) for name, network in contenders.items()}
        starts, errors = start(calls)
        seconds = race(calls, args.calls)
    print(f'{machine(args.threads)}; {args.calls} calls; milliseconds')
    columns = ('median', 'processor, median', 'lowest', 'start', 'error')
    print(f'{"":14s}' + ''.join(f' {column:>17s}' for column in columns))
    for name, values in seconds.items():
        clock, processor = 1e3 * np.median(values, axis=0)
        lowest = 1e3 * values[:, 1].min()
        print(
            f'{name:14s} {clock:17.1f} {processor:17.1f} {lowest:17.1f} '
            f'{1e3 * starts[name]:17.0f} {errors[name]:17.0e}'
        )


if __name__ == '__main__':
    sys.exit(main())
