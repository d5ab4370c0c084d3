# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG whose per-frame network is run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.utils.errors import InputError, PackageError

from .frame_network import FrameNetwork
from .online_tracker import TargetState
from .tlpg import TLPG

SAME_WEIGHTS = 1e-2
"""Difference of outputs, of the largest value. Rounding makes about 1e-5; other weights, 1."""


@MODELS.register_module()
class OnnxTLPG(TLPG):
    """TLPG that looks at each later frame through an exported network.

    The first frame, which has many crops, learning and memory stay in PyTorch: so the config and
    the weights must be those that were exported. On a CPU, with as many threads as PyTorch has
    when the model is built.

    Args:
        onnx: File that ``tools/export.py`` wrote.
        **kwargs: As in :class:`TLPG`.

    Raises:
        InputError: If there is no such file, or it takes or gives anything other than this
            config's network.
    """

    def __init__(self, onnx: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.onnx = onnx
        _ = self.network  # Opens the file.

    def _build_network(self) -> FrameNetwork:
        return OnnxNetwork(self, self.onnx)

    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> TargetState:
        """As :meth:`TLPG.start`.

        Raises:
            InputError: Also if the exported network has other weights than this model.
        """
        if not max(self.network.differences().values()) < SAME_WEIGHTS:
            raise InputError(
                "onnx: the exported network's features differ from this model's: it was exported "
                'with other weights; export it again with this checkpoint: python tools/export.py '
                'CONFIG --checkpoint FILE'
            )
        return super().start(frame, box, seed)


class OnnxNetwork(FrameNetwork):
    """The per-frame network run by onnxruntime, on the CPU, with PyTorch's number of threads.

    Args:
        model: The tracker, whose config is the one that was exported.
        path: The ONNX file.

    Raises:
        InputError: If there is no such file, or its inputs or outputs are not those of the model.
        PackageError: If onnxruntime is not installed.
    """

    def __init__(self, model: TLPG, path: str | Path) -> None:
        super().__init__(model)
        try:
            import onnxruntime
        except ImportError as error:
            raise PackageError(f'onnx: {error}; pip install -r requirements/export.txt') from error
        if not Path(path).is_file():
            raise InputError(f'onnx: {path} is not a file; write it with tools/export.py')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider']
        )
        shapes = [list(value.shape) for value in self.example_inputs()]
        expected = dict(zip(self.input_names, shapes, strict=True))
        got = {node.name: node.shape for node in self.session.get_inputs()}
        outputs = [node.name for node in self.session.get_outputs()]
        if got != expected or set(outputs) != set(self.output_names):
            wrong = {name: shape for name, shape in got.items() if shape != expected.get(name)}
            raise InputError(
                f'onnx: {path} is not the network of this config (inputs that differ: '
                f'{wrong or "none"}; outputs {outputs}); export it with this config: '
                'python tools/export.py CONFIG'
            )

    def forward(self, crop: Tensor, *models: Tensor) -> tuple[Tensor, ...]:
        """As :meth:`FrameNetwork.forward`, computed by onnxruntime."""
        feed = {
            name: value.contiguous().cpu().numpy()
            for name, value in zip(self.input_names, (crop, *models), strict=True)
        }
        outputs = self.session.run(self.output_names, feed)
        return tuple(torch.from_numpy(output).to(crop.device) for output in outputs)

    @torch.no_grad()
    def differences(self) -> dict[str, float]:
        """For each output, the largest difference between onnxruntime and PyTorch.

        On made-up input, relative to the output's largest value.
        """
        inputs = self.example_inputs()
        device = next(self.parameters()).device
        expected = super().forward(*(value.to(device) for value in inputs))
        return {
            name: float((ours.cpu() - theirs).abs().max() / ours.abs().max())
            for name, ours, theirs in zip(self.output_names, expected, self(*inputs), strict=True)
        }
