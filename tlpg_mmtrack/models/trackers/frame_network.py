# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The network that runs on every frame: what is traced, exported and run by other runtimes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tlpg_mmtrack.structures import Prediction, TargetModel

from ..heads.dcc_head import DCCHead
from ..heads.iou_net_head import IoUNetHead
from ..torchscript import TracedFunction, tensors_of
from .postprocess import Postprocess

if TYPE_CHECKING:
    from .tlpg import TLPG

BOX_LEVELS = 2
"""IoU-Net and box regression read the backbone's C3 and C4."""


@dataclass(frozen=True)
class Features:
    """What is computed of a batch of crops.

    Attributes:
        levels: The backbone's maps C3, C4, C5.
        x: (N, C, H, W), the neck's map of stride 16.
        sources: C3' and C5', the feature enhancer's other two inputs.
    """

    levels: tuple[Tensor, ...]
    x: Tensor
    sources: tuple[Tensor, ...]


@dataclass(frozen=True)
class StageOutput(Prediction):
    """What one stage says of one crop; with the fields of :class:`Prediction`.

    Attributes:
        features: (1, 1, C, H, W), filter features, which the target model is learned from.
        boxes: (H*W, 4), the proposal of every cell, (x1, y1, x2, y2) in crop pixels.
    """

    features: Tensor
    boxes: Tensor


@dataclass(frozen=True)
class Observation:
    """What the network and a target's models say of one crop.

    Attributes:
        stages: Of stage 1 and, with a :class:`CenterBiasRefiner`, of stage 2.
        iou_features: IoU-Net's maps; empty where boxes are picked by score alone.
        levels: The backbone's C3 and C4, for the box regression; else empty.
        enhanced: (1, C, H, W), x_E, for a second stage without a target model; else None.
    """

    stages: list[StageOutput]
    iou_features: tuple[Tensor, ...]
    levels: tuple[Tensor, ...]
    enhanced: Tensor | None


MODEL_FIELDS = tuple(field.name for field in fields(TargetModel))
STAGE_FIELDS = tuple(field.name for field in fields(StageOutput))


class FrameNetwork(nn.Module):
    """From one crop and a target's models to score maps and proposals (sections 3.1 to 3.3).

    Tensors go in and out. Inputs, for stage s = 1 and, with a refiner, s = 2:

    - ``crop`` (1, 3, S, S) uint8, BGR;
    - ``filter_s`` (1, C, K), ``affine_s`` (1, D, 4), ``free_s`` (1, D, 2K) and ``size_s`` (1, 2):
      the stage's :class:`TargetModel`.

    Outputs: ``scores_s``, ``distances_s``, ``points_s``, ``features_s`` and ``boxes_s``, the
    stage's :class:`StageOutput`; then, where the options use them, ``iou_features_l`` and
    ``level_l``, maps of level l = 1, 2, and ``enhanced``: see :class:`Observation`.

    In PyTorch on a CPU what follows the backbone, and :attr:`postprocess`, are traced.

    Args:
        model: The tracker whose parts and options these are, as they are now.

    Attributes:
        postprocess: The :class:`Postprocess`, with tensors in and out as well; None where boxes
            are picked by score alone.
    """

    def __init__(self, model: TLPG) -> None:
        super().__init__()
        self.options = model.options
        self.backbone, self.neck = model.backbone, model.neck
        self.head, self.refiner = model.head, model.refiner
        self.iou_head, self.box_head = model.iou_head, model.box_head
        self.bgr_to_rgb = model.bgr_to_rgb
        self.register_buffer('mean', model.mean, persistent=False)
        self.register_buffer('std', model.std, persistent=False)
        self._after_backbone: Callable = self._see
        # mmcv's compiled operator cannot be traced, nor can gradients, by which mmtrack's IoU-Net
        # searches.
        if all(head.backend == 'torch' for head in self.heads):
            parts = (self.neck, self.head, self.refiner, self.iou_head)
            self._after_backbone = TracedFunction(
                self._see, [part for part in parts if part is not None]
            )
        self.postprocess: Callable | None = None
        if self.iou_head is not None:
            box_head = self.box_head if self.options.uses_regression else None
            postprocess = Postprocess(self.iou_head, box_head, self.options.size_penalty)
            traceable = isinstance(self.iou_head, IoUNetHead)
            self.postprocess = (
                TracedFunction(postprocess, [postprocess]) if traceable else postprocess
            )

    @property
    def heads(self) -> list[DCCHead]:
        """Of every stage that has a target model; box regression has none."""
        second = None if self.refiner is None else self.refiner.head
        return [self.head] if second is None else [self.head, second]

    # ------------------------------------------------------------- a batch of crops

    def extract(self, images: Tensor) -> Features:
        """Backbone and neck on (N, 3, S, S) pixel values 0..255, BGR."""
        return self.combine(self._levels(images))

    def combine(self, levels: tuple[Tensor, ...]) -> Features:
        """The neck, on the backbone's maps."""
        if self.neck is None:
            return Features(levels, levels[1], (levels[0], levels[-1]))
        if hasattr(self.neck, 'laterals'):
            laterals = self.neck.laterals(levels)
            return Features(levels, self.neck.fuse(laterals), (laterals[0], laterals[-1]))
        maps = self.neck(levels)
        return Features(levels, maps[1], (maps[0], maps[2]))

    def filter_features(self, features: Features) -> list[Tensor]:
        """(N, C, H, W) filter features of every stage."""
        inputs = [self.head.features(features.x)]
        if len(self.heads) > 1:
            enhanced = self.refiner.enhance(features.x, features.sources)
            inputs.append(self.refiner.head.features(enhanced))
        return inputs

    def _levels(self, images: Tensor) -> tuple[Tensor, ...]:
        if self.bgr_to_rgb:
            images = images.flip(1)
        mean, std = (value.to(images.device) for value in (self.mean, self.std))
        return self.backbone((images.float() - mean) / std)

    # ------------------------------------------------------------- one frame

    def observe(self, crop: Tensor, models: Sequence[TargetModel]) -> Observation:
        """Everything of a frame that depends on the crop and the target models alone.

        Args:
            crop: (1, 3, S, S) uint8, BGR.
            models: A target model for each stage.
        """
        outputs = iter(self(crop, *(tensor for model in models for tensor in tensors_of(model))))
        stages = [StageOutput(*islice(outputs, len(STAGE_FIELDS))) for _ in self.heads]
        iou_features = tuple(islice(outputs, BOX_LEVELS if self.options.uses_iou else 0))
        levels = tuple(islice(outputs, BOX_LEVELS if self.options.uses_regression else 0))
        return Observation(stages, iou_features, levels, next(outputs, None))

    def forward(self, crop: Tensor, *models: Tensor) -> tuple[Tensor, ...]:
        """The outputs named :attr:`output_names`, of the inputs named :attr:`input_names`."""
        return self._after_backbone(self._levels(crop), models)

    def _see(self, levels: tuple[Tensor, ...], models: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """All of :meth:`forward` that follows the backbone."""
        features = self.combine(levels)
        outputs, models = [], iter(models)
        for head, x in zip(self.heads, self.filter_features(features), strict=True):
            x = x.unsqueeze(0)
            prediction = head.predict(TargetModel(*islice(models, len(MODEL_FIELDS))), x)
            boxes = head.proposal_boxes(prediction.distances[0])[0]
            outputs += [*tensors_of(prediction), x, boxes]
        if self.options.uses_iou:
            outputs += self.iou_head.features(levels[:BOX_LEVELS])
        if self.options.uses_regression:
            outputs += levels[:BOX_LEVELS]
        if self._sees_enhanced:
            outputs.append(self.refiner.enhance(features.x, features.sources))
        return tuple(outputs)

    @property
    def _sees_enhanced(self) -> bool:
        """Whether there is a second stage without a target model."""
        return self.refiner is not None and self.refiner.head is None

    # ------------------------------------------------------------- to other runtimes

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in order."""
        return ['crop', *self._per_stage(MODEL_FIELDS)]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in order."""
        levels = range(1, BOX_LEVELS + 1)
        names = self._per_stage(STAGE_FIELDS)
        if self.options.uses_iou:
            names += [f'iou_features_{level}' for level in levels]
        if self.options.uses_regression:
            names += [f'level_{level}' for level in levels]
        return [*names, 'enhanced'] if self._sees_enhanced else names

    def _per_stage(self, names: Sequence[str]) -> list[str]:
        return [f'{name}_{stage}' for stage, _ in enumerate(self.heads, 1) for name in names]

    def example_inputs(self, seed: int = 0) -> list[Tensor]:
        """Inputs of the right shapes, to trace or compare with: noise, and a made-up target."""
        generator = torch.Generator().manual_seed(seed)
        size = self.options.crop_size
        inputs = [torch.randint(256, (1, 3, size, size), generator=generator, dtype=torch.uint8)]
        for head in self.heads:
            points, descriptor = head.kernel_size**2, len(head.initial_affine)
            shapes = (head.feat_channels, points), (descriptor, 4), (descriptor, 2 * points)
            inputs += [torch.randn(1, *shape, generator=generator) for shape in shapes]
            inputs.append(torch.tensor([[3.2, 4.1]]))
        return inputs
