# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's STARK, refusing parts that do not fit."""

from __future__ import annotations

from typing import Any

from mmtrack.models.sot import Stark
from mmtrack.registry import MODELS

from ..shape_checks import backbone_shapes, neck_shapes, require


@MODELS.register_module()
class CheckedStark(Stark):
    """``Stark`` of mmtrack whose neck and head are checked against the maps that they will get.

    Args:
        **kwargs: As in ``Stark``.

    Raises:
        ValueError: When a part does not fit; names the component and its key.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        x = neck_shapes(self.neck, backbone_shapes(self.backbone))[0]
        width, stride = self.head.embed_dims, self.head.bbox_head.stride
        require('StarkHead', 'transformer embed_dims', width, x.channels, "the neck's channels")
        require('StarkHead', 'bbox_head.stride', stride, x.stride, "the neck's stride")
