# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG whose per-frame network is run by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.structures import TargetModel
from tlpg_mmtrack.utils.errors import PackageError

from ...ops.crop import crop_patch
from ..torchscript import tensors_of
from .frame_network import FrameSignature, example_inputs
from .state import Observation, TargetState
from .tlpg import TLPG

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# Relative difference of two maps of features. Rounding makes about 1e-6; other weights, about 1.
SAME_FEATURES = 1e-2


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
        FileNotFoundError: If there is no such file.
        ValueError: If the file takes or gives anything other than this config's network.
    """

    def __init__(self, onnx: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.signature = FrameSignature.of(self)
        self.session = open_session(onnx)
        self._check_shapes(onnx)

    def observe(self, crop: Tensor, models: Sequence[TargetModel]) -> Observation:
        """As :meth:`TLPG.observe`, computed by onnxruntime.

        Args:
            crop: (1, 3, S, S) uint8, BGR.
            models: A target model for each stage.
        """
        inputs = [crop, *(tensor for model in models for tensor in tensors_of(model))]
        feed = {
            name: value.contiguous().cpu().numpy()
            for name, value in zip(self.signature.inputs, inputs, strict=True)
        }
        outputs = self.session.run(self.signature.outputs, feed)
        return self.signature.observation(
            [torch.from_numpy(output).to(crop.device) for output in outputs]
        )

    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> TargetState:
        """As :meth:`TLPG.start`.

        Raises:
            ValueError: If the exported network has other weights than this model.
        """
        target = super().start(frame, box, seed)
        self._check_weights(frame, target)
        return target

    def _check_shapes(self, path: str) -> None:
        """Raise unless the file's inputs and outputs are those of this config."""
        shapes = [list(value.shape) for value in example_inputs(self)]
        expected = dict(zip(self.signature.inputs, shapes, strict=True))
        got = {node.name: node.shape for node in self.session.get_inputs()}
        outputs = [node.name for node in self.session.get_outputs()]
        if got != expected or outputs != self.signature.outputs:
            wrong = {name: shape for name, shape in got.items() if shape != expected.get(name)}
            raise ValueError(
                f'onnx: {path} is not the network of this config (inputs that differ: '
                f'{wrong or "none"}; outputs {outputs}); export it with this config: '
                'python tools/export.py CONFIG'
            )

    def _check_weights(self, frame: np.ndarray, target: TargetState) -> None:
        """Raise unless both networks see the same in the first crop."""
        size = self.options.crop_size
        center = target.box[:2] + (target.box[2:] - 1) / 2
        crop = crop_patch(frame, center, self._search_side(target.box), size)
        models = [stage.model for stage in target.stages]
        seen = self.observe(self._to_tensor(crop[None]), models)
        for stage, features in zip(target.stages, seen.inputs, strict=True):
            own = stage.memory.samples.features[:, :1]
            if (own - features).norm() > SAME_FEATURES * own.norm():
                raise ValueError(
                    "onnx: the exported network's features differ from this model's: it was "
                    'exported with other weights; export it again with this checkpoint: '
                    'python tools/export.py CONFIG --checkpoint FILE'
                )


def open_session(path: str | Path) -> InferenceSession:
    """Open an ONNX file with onnxruntime, on the CPU, with PyTorch's number of threads.

    Raises:
        FileNotFoundError: If there is no such file.
        PackageError: If onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise PackageError(f'onnx: {error}; pip install -r requirements/export.txt') from error
    if not Path(path).is_file():
        raise FileNotFoundError(f'onnx: {path} is not a file; write it with tools/export.py')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
