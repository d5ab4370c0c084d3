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
from ..openvino_function import OpenVINOFunction, chosen_runtime
from ..torchscript import TracedFunction, tensors_of
from .postprocess import Postprocess

if TYPE_CHECKING:
    from .tlpg import TLPG

BOX_LEVELS = 2  #: IoU-Net and box regression read the backbone's C3 and C4.


@dataclass(frozen=True)
class Features:
    """What is computed of a batch of crops."""

    levels: tuple[Tensor, ...]  #: The backbone's maps C3, C4, C5.
    x: Tensor  #: (N, C, H, W), the neck's map of stride 16.
    sources: tuple[Tensor, ...]  #: C3' and C5', the feature enhancer's other two inputs.


@dataclass(frozen=True)
class Maps:
    """What a batch of crops shows, whatever the target."""

    features: list[Tensor]  #: (N, C, H, W), filter features of every stage.
    levels: tuple[Tensor, ...]  #: The backbone's C3 and C4, which box heads read.
    enhanced: Tensor | None  #: (N, C, H, W), x_E, for a second stage without a target model.


@dataclass(frozen=True)
class StageOutput(Prediction):
    """What one stage says of one crop; with the fields of :class:`Prediction`."""

    features: Tensor  #: (1, 1, C, H, W), filter features, which the target model is learned from.
    boxes: Tensor  #: (H*W, 4), the proposal of every cell, (x1, y1, x2, y2) in crop pixels.


@dataclass(frozen=True)
class Observation:
    """What the network and a target's models say of one crop."""

    stages: list[StageOutput]  #: Of stage 1 and, with a :class:`CenterBiasRefiner`, of stage 2.
    iou_features: tuple[Tensor, ...]  #: IoU-Net's maps; empty where it is not asked.
    levels: tuple[Tensor, ...]  #: The backbone's C3 and C4, for the box regression; else empty.
    enhanced: Tensor | None  #: As in :class:`Maps`.


MODEL_FIELDS = tuple(field.name for field in fields(TargetModel))
STAGE_FIELDS = tuple(field.name for field in fields(StageOutput))


class FrameNetwork(nn.Module):
    """From one crop and a target's models to score maps and proposals (sections 3.1 to 3.3).

    Tensors go in and out. Inputs are ``crop`` (1, 3, S, S) uint8, BGR, and for stage s = 1 and,
    with a refiner, s = 2, the fields of its :class:`TargetModel`, ``filter_s`` and so on. Outputs
    are the fields of each stage's :class:`StageOutput`, ``scores_s`` and so on; then, where the
    options use them, ``iou_features_l`` and ``level_l``, maps of level l = 1, 2, and ``enhanced``,
    as in :class:`Observation`.

    On a CPU, what depends on the crop alone is run by ``options.runtime``, a PackageError if that
    is not installed; the rest, which reads a target's models, is traced.

    Args:
        model: The tracker whose parts and options these are, as they are now.

    Attributes:
        runtime: What runs the maps of a crop on a CPU, one of :data:`RUNTIMES` but ``'auto'``.
        postprocess: The :class:`Postprocess`; None where boxes are picked by score alone.
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
        self.runtime = chosen_runtime(self.options.runtime)
        stages = [part for part in (self.neck, self.head, self.refiner) if part is not None]
        if self.runtime == 'torch':
            traced = TracedFunction(self._maps_of, stages)
            # The backbone compiles itself.
            self._maps: Callable = lambda crops: traced(self._levels(crops))
        else:
            self._maps = self._compiled(
                lambda crops: self._maps_of(self._levels(crops)), [self.backbone, *stages]
            )
        self._iou_maps: Callable = lambda *levels: ()
        self.postprocess: Callable | None = None
        if self.iou_head is not None:
            self._prepare_box_search()
        # mmcv's compiled operator cannot be traced.
        self._predict: Callable = self._predict_stages
        if all(head.backend == 'torch' for head in self.heads):
            self._predict = TracedFunction(self._predict, self.heads)

    def _prepare_box_search(self) -> None:
        box_head = self.box_head if self.options.uses_regression else None
        postprocess = Postprocess(self.iou_head, box_head, self.options.size_penalty)
        # mmtrack's IoU-Net searches by gradients, which cannot be traced.
        traceable = isinstance(self.iou_head, IoUNetHead)
        self.postprocess = self._compiled(postprocess, [postprocess]) if traceable else postprocess
        if self.options.uses_iou:
            self._iou_maps = self._compiled(
                lambda *levels: tuple(self.iou_head.features(levels)), [self.iou_head]
            )

    def _compiled(self, function: Callable, modules: Sequence[nn.Module]) -> Callable:
        if self.runtime == 'torch':
            return TracedFunction(function, modules)
        precision = 'bf16' if self.runtime == 'openvino_bf16' else 'f32'
        return OpenVINOFunction(function, modules, precision)

    @property
    def heads(self) -> list[DCCHead]:
        """Of every stage that has a target model; box regression has none."""
        second = None if self.refiner is None else self.refiner.head
        return [self.head] if second is None else [self.head, second]

    @torch.inference_mode()
    def warm_up(self) -> str:
        """Compile and trace, which the first frames of the first target would have to wait for.

        Returns what computes a crop's maps where the network is now.
        """
        inputs = [value.to(self.mean.device) for value in self.example_inputs()]
        # TorchScript optimises at the second call.
        for _ in range(2):
            self(*inputs)
            if self.options.postprocess in ('iou_search', 'regression'):
                self._warm_up_box_search(self.maps(inputs[0]).levels)
        return self.runtime if self.mean.device.type == 'cpu' else 'torch'

    def _warm_up_box_search(self, levels: tuple[Tensor, ...]) -> None:
        box = self.options.crop_size * levels[0].new_tensor([0.4, 0.4, 0.6, 0.6])
        modulation = self.iou_head.modulation(levels, box[None])
        features, template = self._iou_maps(*levels), ()
        if self.options.uses_regression:
            template = tensors_of(self.box_head.template(levels, box[None]))
        else:
            levels = ()
        self.postprocess(box, box[2:] - box[:2], modulation, features, template, levels)

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

    def maps(self, crops: Tensor) -> Maps:
        """What crops (N, 3, S, S) uint8, BGR, show, whatever the target."""
        if crops.device.type == 'cpu' and len(crops) > 1:
            # What one crop leaves in the cache is worth more than a batch.
            each = [self._maps(crop) for crop in crops.split(1)]
            outputs = map(torch.cat, zip(*each, strict=True))
        else:
            outputs = iter(self._maps(crops))
        features = list(islice(outputs, len(self.heads)))
        return Maps(features, tuple(islice(outputs, BOX_LEVELS)), next(outputs, None))

    def _maps_of(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The fields of :class:`Maps`, of the backbone's maps."""
        features = self.combine(levels)
        maps = [self.head.features(features.x)]
        if self.refiner is not None:
            enhanced = self.refiner.enhance(features.x, features.sources)
            if self.refiner.head is None:
                return (*maps, *levels[:BOX_LEVELS], enhanced)
            maps.append(self.refiner.head.features(enhanced))
        return (*maps, *levels[:BOX_LEVELS])

    def _levels(self, images: Tensor) -> tuple[Tensor, ...]:
        if self.bgr_to_rgb:
            images = images.flip(1)
        mean, std = (value.to(images.device) for value in (self.mean, self.std))
        return self.backbone((images.float() - mean) / std)

    # ------------------------------------------------------------- one frame

    def observe(self, crop: Tensor, models: Sequence[TargetModel]) -> Observation:
        """What depends on a crop, (1, 3, S, S) uint8, BGR, and each stage's target model alone."""
        outputs = iter(self(crop, *(tensor for model in models for tensor in tensors_of(model))))
        stages = [StageOutput(*islice(outputs, len(STAGE_FIELDS))) for _ in self.heads]
        iou_features = tuple(islice(outputs, BOX_LEVELS if self.options.uses_iou else 0))
        levels = tuple(islice(outputs, BOX_LEVELS if self.options.uses_regression else 0))
        return Observation(stages, iou_features, levels, next(outputs, None))

    def forward(self, crop: Tensor, *models: Tensor) -> tuple[Tensor, ...]:
        """The outputs named :attr:`output_names`, of the inputs named :attr:`input_names`."""
        maps = self.maps(crop)
        outputs = [*self._predict(tuple(maps.features), models), *self._iou_maps(*maps.levels)]
        if self.options.uses_regression:
            outputs += maps.levels
        if maps.enhanced is not None:
            outputs.append(maps.enhanced)
        return tuple(outputs)

    def _predict_stages(
        self, features: tuple[Tensor, ...], models: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """The fields of every stage's :class:`StageOutput`."""
        outputs, models = [], iter(models)
        for head, x in zip(self.heads, features, strict=True):
            x = x.unsqueeze(0)
            prediction = head.predict(TargetModel(*islice(models, len(MODEL_FIELDS))), x)
            boxes = head.proposal_boxes(prediction.distances[0])[0]
            outputs += [*tensors_of(prediction), x, boxes]
        return tuple(outputs)

    # ------------------------------------------------------------- to other runtimes

    @property
    def input_names(self) -> list[str]:
        return ['crop', *self._per_stage(MODEL_FIELDS)]

    @property
    def output_names(self) -> list[str]:
        levels = range(1, BOX_LEVELS + 1)
        names = self._per_stage(STAGE_FIELDS)
        if self.options.uses_iou:
            names += [f'iou_features_{level}' for level in levels]
        if self.options.uses_regression:
            names += [f'level_{level}' for level in levels]
        # A second stage without a target model.
        boxes_alone = self.refiner is not None and self.refiner.head is None
        return [*names, 'enhanced'] if boxes_alone else names

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
