# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The parts of a frame's network that run as one traced function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..heads.iou_net_head import IoUNetHead
from ..torchscript import TracedFunction
from .postprocess import Postprocess

if TYPE_CHECKING:
    from .tlpg import TLPG


class TracedParts:
    """The two parts of a frame's network that are traced: functions of tensors alone.

    Args:
        model: The tracker. What cannot be traced is called as it is: mmtrack's IoU-Net's search,
            which needs gradients, and mmcv's compiled operator.
    """

    def __init__(self, model: TLPG) -> None:
        self._of = self._key(model)
        options = model.options
        box_head = model.box_head if options.uses_regression else None
        self.after_backbone: Callable = model.after_backbone
        if all(head.backend == 'torch' for head in model.stage_heads()):
            parts = (model.neck, model.head, model.refiner, model.iou_head)
            self.after_backbone = TracedFunction(self.after_backbone, filter(None, parts))
        self.postprocess: Callable = Postprocess(model.iou_head, box_head, options.size_penalty)
        if isinstance(model.iou_head, IoUNetHead):
            self.postprocess = TracedFunction(self.postprocess, [self.postprocess])

    def is_of(self, model: TLPG) -> bool:
        """Whether the model's options and parts are still those that were traced."""
        return self._of == self._key(model)

    def __reduce__(self) -> tuple:
        """Copied or pickled it is None: a copy of the tracker traces its own parts."""
        return type(None), ()

    @staticmethod
    def _key(model: TLPG) -> tuple:
        parts = (model.neck, model.head, model.refiner, model.iou_head, model.box_head)
        return (model.options, *parts)
