# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The per-frame network with tensors alone for inputs and outputs, as ONNX has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from tlpg_mmtrack.structures import Prediction, TargetModel

from ..torchscript import tensors_of
from .state import Observation
from .tlpg import TLPG

MODEL_FIELDS = tuple(field.name for field in fields(TargetModel))
STAGE_OUTPUTS = ('features', 'scores', 'distances', 'points', 'boxes')


@dataclass(frozen=True)
class FrameSignature:
    """Names and order of the network's inputs and outputs.

    Inputs, for stage s = 1 and, with a refiner, s = 2:

    - ``crop`` (1, 3, S, S) uint8, BGR;
    - ``filter_s`` (1, C, K), ``affine_s`` (1, D, 4), ``free_s`` (1, D, 2K) and ``size_s`` (1, 2):
      the stage's :class:`TargetModel`.

    Outputs:

    - ``features_s`` (1, 1, C, H, W), filter features, which the online optimiser learns from;
    - ``scores_s`` (1, 1, H, W) and ``distances_s`` (1, 1, 4, H, W), the stage's score map and its
      proposals (l, t, r, b) in cells;
    - ``points_s`` (1, 1, 2K, H*W), where the filter sampled;
    - ``boxes_s`` (H*W, 4), the same proposals as (x1, y1, x2, y2) in crop pixels, for programs
      that have no :class:`DCCHead`;
    - ``iou_features_l``, IoU-Net's map of level l, unless boxes are picked by score alone;
    - ``level_l``, the backbone's map, with box regression.

    Attributes:
        num_stages: 1, or 2 with a refiner.
        num_iou_levels: Levels of the backbone that IoU-Net sees; 0 without it.
        num_levels: Levels of the backbone that box regression sees; 0 without it.
    """

    num_stages: int
    num_iou_levels: int
    num_levels: int

    @classmethod
    def of(cls, model: TLPG) -> FrameSignature:
        """The signature of a tracker's network.

        Raises:
            ValueError: When its second stage has no target model, as of table 2's comparisons.
        """
        if model.refiner is not None and model.refiner.head is None:
            raise ValueError(
                f'refiner: {type(model.refiner).__name__} is not exported; only a '
                'CenterBiasRefiner, or no refiner'
            )
        return cls(
            num_stages=len(model.stage_heads()),
            num_iou_levels=len(model.iou_head.in_channels) if model.options.uses_iou else 0,
            num_levels=len(model.box_head.in_channels) if model.options.uses_regression else 0,
        )

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, in order."""
        return ['crop', *self._per_stage(MODEL_FIELDS)]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in order."""
        return [
            *self._per_stage(STAGE_OUTPUTS),
            *(f'iou_features_{level + 1}' for level in range(self.num_iou_levels)),
            *(f'level_{level + 1}' for level in range(self.num_levels)),
        ]

    def _per_stage(self, names: Sequence[str]) -> list[str]:
        return [f'{name}_{stage + 1}' for stage in range(self.num_stages) for name in names]

    def target_models(self, tensors: Sequence[Tensor]) -> list[TargetModel]:
        """Each stage's target model, from the inputs after the crop."""
        count = len(MODEL_FIELDS)
        return [
            TargetModel(*tensors[stage * count : (stage + 1) * count])
            for stage in range(self.num_stages)
        ]

    def observation(self, outputs: Sequence[Tensor]) -> Observation:
        """What the outputs say, as :meth:`TLPG.observe` says it."""
        count = len(STAGE_OUTPUTS)
        stages = [outputs[i * count : (i + 1) * count] for i in range(self.num_stages)]
        maps = outputs[self.num_stages * count :]
        return Observation(
            inputs=[features for features, *_ in stages],
            predictions=[Prediction(*values) for _, *values, _ in stages],
            iou_features=tuple(maps[: self.num_iou_levels]),
            levels=tuple(maps[self.num_iou_levels :]),
        )


class FrameNetwork(nn.Module):
    """:meth:`TLPG.observe` for one target, from the crop to the proposals of both stages.

    Args:
        model: The tracker, in evaluation mode.

    Attributes:
        signature: What goes in and comes out.
    """

    def __init__(self, model: TLPG) -> None:
        super().__init__()
        self.model = model
        self.signature = FrameSignature.of(model)

    def forward(self, crop: Tensor, *target: Tensor) -> tuple[Tensor, ...]:
        """Look at one crop; the shapes are those of :class:`FrameSignature`.

        Args:
            crop: The crop.
            *target: The fields of each stage's target model.

        Returns:
            The outputs, in the signature's order.
        """
        seen = self.model.observe(crop, self.signature.target_models(target))
        outputs = []
        for head, features, prediction in zip(
            self.model.stage_heads(), seen.inputs, seen.predictions, strict=True
        ):
            boxes = head.proposal_boxes(prediction.distances[0])[0]
            outputs += [features, *tensors_of(prediction), boxes]
        return (*outputs, *seen.iou_features, *seen.levels)


def example_inputs(model: TLPG, seed: int = 0) -> list[Tensor]:
    """Inputs of the right shapes, to trace and to compare with: noise, and a made-up target.

    Args:
        model: The tracker.
        seed: Random seed.
    """
    generator = torch.Generator().manual_seed(seed)
    size = model.options.crop_size
    crop = torch.randint(0, 256, (1, 3, size, size), generator=generator, dtype=torch.uint8)
    inputs = [crop]
    for head in model.stage_heads():
        points, descriptor = head.kernel_size**2, len(head.initial_affine)
        target = TargetModel(
            filter=torch.randn(1, head.feat_channels, points, generator=generator),
            affine=torch.randn(1, descriptor, 4, generator=generator),
            free=torch.randn(1, descriptor, 2 * points, generator=generator),
            size=torch.tensor([[3.2, 4.1]]),
        )
        inputs += tensors_of(target)
    return inputs
