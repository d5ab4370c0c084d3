# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's crop for DiMP, with boxes as the tracker counts them."""

from __future__ import annotations

import numpy as np
from mmtrack.datasets.transforms import CropLikeDiMP
from mmtrack.registry import TRANSFORMS

from ..geometry import edges_to_pixels


@TRANSFORMS.register_module()
class CropLikeTracker(CropLikeDiMP):
    """``CropLikeDiMP`` whose boxes are in pixels of the crop, a pixel's centre being its index.

    mmtrack counts from the edge of the crop's first pixel: its boxes lie half a crop pixel right
    of and below those that :class:`TLPG` learns from in the first frame and reads in later ones.

    Args:
        crop_size_factor: Side of the crop, in units of the jittered box's sqrt(width * height).
        output_size: Side of the crop in crop pixels.
    """

    def generate_box(
        self, bbox_gt: np.ndarray, crop_area_bbox: np.ndarray, resize_factor: float
    ) -> np.ndarray:
        """A box of the frame on the crop.

        Args:
            bbox_gt: (4,), (x1, y1, x2, y2) in frame pixels, counted from edges.
            crop_area_bbox: (4,), (x, y, width, height) of the crop in the frame, counted so too.
            resize_factor: Crop pixels per frame pixel.

        Returns:
            (4,), (x1, y1, x2, y2) in crop pixels.
        """
        return edges_to_pixels(super().generate_box(bbox_gt, crop_area_bbox, resize_factor))
