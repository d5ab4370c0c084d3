# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What fits this project's components into mmtrack's models, and mmtrack's into TLPG."""

from .center_bias_box_head import CenterBiasBoxHead
from .dcc_cls_head import DCCClsHead
from .enhanced_neck import EnhancedNeck
from .mmtrack_iou_head import MMTrackIoUHead
from .repaired_prdimp import RepairedPrDiMP, RepairedPrDiMPClsHead
