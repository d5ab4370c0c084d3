# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's SiamRPN++, refusing parts that do not fit."""

from __future__ import annotations

from typing import Any

from mmtrack.models.sot import SiamRPN
from mmtrack.registry import MODELS

from ..shape_checks import backbone_shapes, neck_shapes, require


@MODELS.register_module()
class CheckedSiamRPN(SiamRPN):
    """``SiamRPN`` of mmtrack whose neck and head are checked against the maps that they will get.

    Args:
        **kwargs: As in ``SiamRPN``; there must be a neck.

    Raises:
        ValueError: When a part does not fit; names the component and its key.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        maps = neck_shapes(self.neck, backbone_shapes(self.backbone))
        channels = [head.kernel_convs.conv.in_channels for head in self.head.cls_heads]
        got = [level.channels for level in maps]
        require('SiameseRPNHead', 'in_channels', channels, got, "the neck's channels")
        stride, got = self.head.anchor_generator.strides[0][0], maps[0].stride
        require('SiameseRPNHead', 'anchor_generator.strides', [stride], [got], "the neck's stride")
