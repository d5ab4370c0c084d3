# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Writing the per-frame network as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import torch

from tlpg_mmtrack.models.trackers import TLPG, FrameNetwork
from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.errors import InputError, PackageError

OPSET = 18
"""The first in which taking extrema over axes, and group norm, need no detour."""
# Of an output's largest value. Rounding alone makes about 1e-5.
MAX_DIFFERENCE = 1e-3


def export_onnx(model: TLPG, path: str | Path) -> dict[str, float]:
    """Write a tracker's :class:`FrameNetwork`, atomically, after running it once.

    Args:
        model: The tracker with its weights, on the CPU, in evaluation mode.
        path: File to write, ending in ``.onnx``.

    Returns:
        For each output, the largest difference between onnxruntime and PyTorch on made-up input,
        relative to its largest value.

    Raises:
        PackageError: If onnx, onnxscript or onnxruntime is not installed.
        InputError: If the file's name ends otherwise, its folder is missing, or the two disagree.
    """
    path = Path(path)
    if path.suffix != '.onnx':
        raise InputError(f'out: must end in .onnx, got {path.name}')
    if not path.parent.is_dir():
        # Before a minute of work.
        raise InputError(f'out: {path.parent} is not a folder; make it, or pass another')
    network = FrameNetwork(model).eval()
    with atomic_write(path) as part:
        _write(network, part)
        differences = _differences(network, part)
        wrong = {name: value for name, value in differences.items() if not value < MAX_DIFFERENCE}
        if wrong:
            raise InputError(
                f'out: onnxruntime and PyTorch disagree on {wrong} (relative to the largest '
                'value); try the versions that docs/export.md names'
            )
    return differences


@torch.no_grad()
def _differences(network: FrameNetwork, path: Path) -> dict[str, float]:
    try:
        from onnxruntime import InferenceSession
    except ImportError as error:
        raise PackageError(f'{error}; pip install -r requirements/export.txt') from error
    inputs = network.example_inputs()
    session = InferenceSession(str(path), providers=['CPUExecutionProvider'])
    feed = {name: x.numpy() for name, x in zip(network.input_names, inputs, strict=True)}
    outputs = session.run(network.output_names, feed)
    return {
        name: float((ours - torch.from_numpy(theirs)).abs().max() / ours.abs().max())
        for name, ours, theirs in zip(network.output_names, network(*inputs), outputs, strict=True)
    }


@torch.no_grad()
def _write(network: FrameNetwork, path: Path) -> None:
    inputs = tuple(network.example_inputs())
    torch.onnx.export(
        network,
        inputs,
        str(path),
        input_names=network.input_names,
        output_names=network.output_names,
        opset_version=OPSET,
        # The older exporter, which traces TorchScript, refuses average pooling to a given size.
        dynamo=True,
        external_data=False,
        # onnxruntime optimises when it loads; onnxscript 0.7 leaves a value without its node.
        optimize=False,
        verbose=False,
    )
