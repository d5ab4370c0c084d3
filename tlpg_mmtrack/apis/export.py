# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Writing the per-frame network as an ONNX file."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from tlpg_mmtrack.models.trackers.frame_network import (
    FrameNetwork,
    FrameSignature,
    example_inputs,
)
from tlpg_mmtrack.models.trackers.onnx_tlpg import open_session
from tlpg_mmtrack.models.trackers.tlpg import TLPG
from tlpg_mmtrack.utils.errors import InputError

OPSET = 18
"""The first in which taking extrema over axes, and group norm, need no detour."""
# Of an output's largest value. Rounding alone makes about 1e-5.
MAX_DIFFERENCE = 1e-3


def export_onnx(model: TLPG, path: str | Path) -> dict[str, float]:
    """Write a tracker's per-frame network, complete or not at all, and run it once.

    Inputs and outputs are those of :class:`FrameSignature`, all of fixed shape.

    Args:
        model: The tracker with its weights, on the CPU, in evaluation mode.
        path: File to write, ending in ``.onnx``.

    Returns:
        For each output, its largest difference between onnxruntime and PyTorch on made-up input,
        relative to its largest value.

    Raises:
        ImportError: If onnx, onnxscript or onnxruntime is not installed.
        InputError: If the file's name ends otherwise, or the two disagree.
    """
    path = Path(path)
    if path.suffix != '.onnx':
        raise InputError(f'out: must end in .onnx, got {path.name}')
    network = FrameNetwork(model).eval()
    inputs = example_inputs(model)
    part = path.with_name(f'.{path.stem}.part.onnx')
    try:
        with torch.no_grad():
            # Before tracing: a frozen backbone folds its batch norms at its first call.
            expected = network(*inputs)
            _write(network, inputs, part)
        differences = _compare(network.signature, inputs, expected, part)
        wrong = {name: value for name, value in differences.items() if not value < MAX_DIFFERENCE}
        if wrong:
            raise InputError(
                f'out: onnxruntime and PyTorch disagree on {wrong} (relative to the largest '
                'value); try the versions that docs/export.md names'
            )
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return differences


def _write(network: FrameNetwork, inputs: list[Tensor], path: Path) -> None:
    torch.onnx.export(
        network,
        tuple(inputs),
        str(path),
        input_names=network.signature.inputs,
        output_names=network.signature.outputs,
        opset_version=OPSET,
        # The older exporter, which traces TorchScript, refuses average pooling to a given size.
        dynamo=True,
        external_data=False,
        # onnxruntime optimises when it loads; onnxscript 0.7 leaves a value without its node.
        optimize=False,
        verbose=False,
    )


def _compare(
    signature: FrameSignature,
    inputs: list[Tensor],
    expected: tuple[Tensor, ...],
    path: Path,
) -> dict[str, float]:
    """Largest difference of each output, relative to its largest value."""
    feed = {name: value.numpy() for name, value in zip(signature.inputs, inputs, strict=True)}
    outputs = open_session(path).run(signature.outputs, feed)
    return {
        name: float((ours - torch.from_numpy(theirs)).abs().max() / ours.abs().max())
        for name, ours, theirs in zip(signature.outputs, expected, outputs, strict=True)
    }
