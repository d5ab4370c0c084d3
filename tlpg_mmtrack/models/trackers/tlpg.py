# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TLPG-Tracker as a model of mmtrack: building, training, and mmtrack's calls to track."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.structures import TrackingResult
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import InitCfg, Positive, checked

from ..shape_checks import (
    MapShape,
    backbone_shapes,
    build_with,
    check_maps,
    complete,
    neck_shapes,
    require_levels,
)
from .frame_network import Features, FrameNetwork
from .online_tracker import OnlineTracker
from .options import TrackingOptions
from .target_state import TargetState

PARTS = ('backbone', 'neck', 'head', 'refiner', 'iou_head', 'box_head')


@MODELS.register_module()
class TLPG(BaseSingleObjectTracker):
    """Two-stage tracker with target models learned online (sections 3 to 3.5).

    Every part's ``in_channels`` may be left out: it is then found from the backbone.

    Args:
        backbone: Config of a backbone with maps of stride 8, 16 and 32.
        head: Config of stage 1's :class:`DCCHead`.
        neck: Config of the neck; without it x is the backbone's C4. One without ``laterals``,
            such as mmdet's FPN, must return maps of stride 8, 16 and 32.
        refiner: Config of the :class:`CenterBiasRefiner`, or for comparison of the
            :class:`BoxRegressionRefiner`; without it there is one stage.
        iou_head: Config of the :class:`IoUNetHead`, or of :class:`MMTrackIoUHead`.
        box_head: Config of the :class:`BoxRegressionHead`.
        mean: Mean of the input pixels, in the channel order that the backbone expects.
        std: Standard deviation of the input pixels.
        bgr_to_rgb: Whether the backbone expects RGB.
        test_cfg: Fields of :class:`TrackingOptions`.
        frozen_modules: Names of parts, such as ``'neck'``, that training leaves as they are; a
            frozen head has no loss.
        data_preprocessor: Config of mmtrack's data preprocessor; it must not normalise, since a
            crop is cheaper to normalise than a frame.
        init_cfg: Initialisation config of mmengine.

    Raises:
        InputError: When a part that the options or ``frozen_modules`` name is not there, or one
            does not fit the maps that it will get; names the part and its key.
    """

    @checked
    def __init__(
        self,
        backbone: dict,
        head: dict,
        neck: dict | None = None,
        refiner: dict | None = None,
        iou_head: dict | None = None,
        box_head: dict | None = None,
        mean: tuple[float, float, float] = (123.675, 116.28, 103.53),
        std: tuple[Positive, Positive, Positive] = (58.395, 57.12, 57.375),
        bgr_to_rgb: bool = True,
        test_cfg: dict | None = None,
        frozen_modules: Sequence[str] = (),
        data_preprocessor: dict | None = None,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        levels = backbone_shapes(self.backbone)
        require_levels(type(self.backbone).__name__, "the backbone's levels", levels, 2)
        self._build_stages(levels, neck, head, refiner)
        self.iou_head = _build_on_levels(levels, iou_head)
        self.box_head = _build_on_levels(levels, box_head)
        self.options = TrackingOptions.from_config('TLPG: test_cfg', test_cfg)
        # mmtrack's base class reads the protocol from here.
        self.test_cfg = dict(test_mode=self.options.test_mode)
        self._check_postprocess()
        self.frozen_modules = self._checked_parts(frozen_modules)
        self.freeze_module(self.frozen_modules)
        self.bgr_to_rgb = bgr_to_rgb
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)

    # ------------------------------------------------------------- building

    def _build_stages(
        self, levels: Sequence[MapShape], neck: dict | None, head: dict, refiner: dict | None
    ) -> None:
        """Build what turns the backbone's maps into proposals; refuse what does not fit."""
        channels = [level.channels for level in levels]
        self.neck = None if neck is None else build_with(neck, in_channels=channels)
        high, x, low = self._source_shapes(levels)
        self.head = build_with(head, in_channels=x.channels)
        check_maps(self.head, x)
        self.refiner = None
        if refiner is None:
            return
        enhancer, width = refiner.get('enhancer'), x.channels
        if enhancer is not None:
            in_channels = (high.channels, x.channels, low.channels)
            enhancer = complete(enhancer, in_channels=in_channels)
            width = enhancer.get('out_channels') or width
        if 'head' in refiner:
            refiner = {**refiner, 'head': complete(refiner['head'], in_channels=width)}
        else:
            refiner = complete(refiner, in_channels=width)
        self.refiner = MODELS.build({**refiner, 'enhancer': enhancer})
        self.refiner.check_slot(x, (high, low))

    def _source_shapes(self, levels: Sequence[MapShape]) -> Sequence[MapShape]:
        """Shapes of C3', x and C5', as :meth:`FrameNetwork.combine` picks them."""
        if self.neck is None:
            return levels[0], levels[1], levels[-1]
        maps = neck_shapes(self.neck, levels)
        if hasattr(self.neck, 'laterals'):
            high, low = (levels[i]._replace(channels=maps[0].channels) for i in (0, -1))
            return high, maps[0], low
        require_levels(type(self.neck).__name__, "the neck's number of outputs", maps, 3)
        return maps[:3]

    def _check_postprocess(self) -> None:
        options = self.options
        for name, used in (('iou_head', options.uses_iou), ('box_head', options.uses_regression)):
            if used and getattr(self, name) is None:
                raise InputError(
                    f'TLPG: test_cfg.postprocess is {options.postprocess!r}, which needs the '
                    f'config of a part: {name}=dict(...)'
                )
        if options.size_penalty and not getattr(self.iou_head, 'knows_last_size', True):
            raise InputError(
                f'TLPG: test_cfg.size_penalty must be 0 with an {type(self.iou_head).__name__}, '
                f'which knows no last size, got {options.size_penalty}'
            )

    def _checked_parts(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names of parts to freeze, each of which must be there."""
        names = (names,) if isinstance(names, str) else tuple(names)
        parts = [name for name in PARTS if getattr(self, name) is not None]
        for name in names:
            if name not in parts:
                raise InputError(
                    f'TLPG: frozen_modules names {name!r}, which this config does not build; its '
                    f'parts are {", ".join(parts)}'
                )
        return names

    # ------------------------------------------------------------- tracking

    @cached_property
    def online(self) -> OnlineTracker:
        """What tracks targets with the parts and options as they are."""
        return OnlineTracker(FrameNetwork(self))

    @property
    def network(self) -> FrameNetwork:
        """What runs on every frame; its parts are this model's."""
        return self.online.network

    def warm_up(self) -> str:
        """Compile and trace ahead; see :meth:`FrameNetwork.warm_up`."""
        return self.network.warm_up()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; what was made of replaced parts or options is made anew."""
        super().__setattr__(name, value)
        if name in (*PARTS, 'options'):
            self.__dict__.pop('online', None)

    def __getstate__(self) -> dict[str, Any]:
        """Without what is made of the parts: a copy of the tracker traces its own."""
        return {name: value for name, value in self.__dict__.items() if name != 'online'}

    def extract(self, images: Tensor) -> Features:
        """Backbone and neck on (N, 3, S, S) pixel values 0..255, BGR."""
        return self.network.extract(images)

    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> TargetState:
        """Learn a target in the first frame.

        Args:
            frame: (H, W, 3) uint8, BGR.
            box: (4,), (x, y, width, height) in frame pixels.
            seed: Seed of the augmentation.

        Returns:
            The target's state, for :meth:`step`. Where nothing can be seen around the box, that is
            logged, and the target will never be found.

        Raises:
            InputError: When the box is not finite, not of positive size, or outside the frame.
        """
        return self.online.start(frame, box, seed)

    def step(self, frame: np.ndarray, target: TargetState, search: bool = True) -> TrackingResult:
        """Find the target in the next frame and learn from it.

        Args:
            frame: (H, W, 3) uint8, BGR; its size may differ from the last frame's.
            target: State from :meth:`start`; updated in place.
            search: Whether one that is lost is looked for elsewhere in the frame, too
                (``redetection``), or has to wait.
        """
        return self.online.step(frame, target, search)

    def init(self, img: Tensor) -> None:
        """Start on mmtrack's first frame (1, 3, H, W); ``self.memo.bbox`` is (cx, cy, w, h)."""
        cx, cy, width, height = self.memo.bbox.tolist()
        box = np.array([cx - width / 2, cy - height / 2, width, height])
        # mmtrack passes no seed: its loop has seeded the process.
        self.memo.target = self.start(_to_frame(img), box, seed=torch.initial_seed())

    def track(self, img: Tensor, data_samples: list) -> list[InstanceData]:
        """Track into mmtrack's next frame (1, 3, H, W), BGR.

        The answer has ``bboxes`` (1, 4), (x1, y1, x2, y2) in frame pixels, and ``scores`` (1,).
        """
        result = self.step(_to_frame(img), self.memo.target)
        x, y, width, height = result.box
        instances = InstanceData()
        instances.bboxes = img.new_tensor([[x, y, x + width, y + height]])
        instances.scores = img.new_tensor([result.score])
        return [instances]

    # ------------------------------------------------------------- training

    def train(self, mode: bool = True) -> TLPG:
        """Set the training mode; frozen parts stay in evaluation, their statistics too."""
        super().train(mode)
        for name in self.frozen_modules:
            getattr(self, name).eval()
        return self

    def loss(self, inputs: dict, data_samples: list, **kwargs: object) -> dict[str, Tensor]:
        """Training losses of the stages, IoU-Net and box regression, those that are not frozen.

        Args:
            inputs: ``img`` (B, n, 3, S, S) template frames and ``search_img`` (B, m, 3, S, S),
                pixel values, BGR. Or, of :class:`StoredFeatureDataset`, ``template`` and
                ``search``: for each level of the backbone, B maps (n or m, C, H, W).
            data_samples: With ``gt_instances.bboxes`` (n, 4) and ``search_gt_instances.bboxes``
                (m, 4), (x1, y1, x2, y2) in crop pixels.
            **kwargs: mmtrack's signature.
        """
        template_boxes = torch.stack([s.gt_instances.bboxes for s in data_samples])
        search_boxes = torch.stack([s.search_gt_instances.bboxes for s in data_samples])
        features = self._training_features(inputs)
        sequences, frames = template_boxes.shape[:2]
        count = sequences * frames

        def split(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            template, search = (
                part.unflatten(0, (sequences, -1)) for part in (x[:count], x[count:])
            )
            return template, template_boxes, search, search_boxes

        losses = {}
        if 'head' not in self.frozen_modules:
            losses.update(self.head.loss(*split(features.x)))
        if self.refiner is not None and 'refiner' not in self.frozen_modules:
            enhanced = self.refiner.enhance(features.x, features.sources)
            losses.update(self.refiner.loss(*split(enhanced)))
        first = [level[:count:frames] for level in features.levels[:2]]
        rest = [level[count:] for level in features.levels[:2]]
        boxes = template_boxes[:, 0], search_boxes.flatten(0, 1)
        for name in ('iou_head', 'box_head'):
            head = getattr(self, name)
            if head is not None and name not in self.frozen_modules:
                losses.update(head.loss(first, boxes[0], rest, boxes[1]))
        return losses

    def _training_features(self, inputs: dict) -> Features:
        """Features of all template crops, then of all search crops."""
        if 'template' not in inputs:
            template, search = inputs['img'], inputs['search_img']
            return self.extract(torch.cat((template.flatten(0, 1), search.flatten(0, 1))))
        levels = zip(inputs['template'], inputs['search'], strict=True)
        return self.network.combine(
            tuple(torch.cat((*first, *second)) for first, second in levels)
        )


def _build_on_levels(levels: Sequence[MapShape], config: dict | None) -> nn.Module | None:
    """Build a head that reads the backbone's first two maps; refuse what does not fit."""
    if config is None:
        return None
    head = build_with(config, in_channels=tuple(level.channels for level in levels[:2]))
    check_maps(head, *levels[:2])
    return head


def _to_frame(img: Tensor) -> np.ndarray:
    """(1, 3, H, W) pixel values to (H, W, 3) uint8."""
    frame = img[0].permute(1, 2, 0).clamp(0, 255).round().to(torch.uint8)
    return np.ascontiguousarray(frame.cpu().numpy())
