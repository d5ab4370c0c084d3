# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training crops cut from the frames themselves, and where in a crop the target appears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.datasets.transforms import CropLikeDiMP
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.option_rules import (
    CheckedOptions,
    Count,
    NonNegative,
    Probability,
    at_least,
)

from ...ops.crop import (
    bounding_box,
    box_corners,
    edges_to_pixels,
    linear_map,
    map_points,
    place_matrix,
    warp,
)


@dataclass
class CropTransform(CheckedOptions, BaseTransform):
    """Base of the transforms that make crops.

    Jitter is a pair. Its first number, ``c``, is of the place: the target's centre is uniform in a
    square around the crop's centre, half of whose side is ``c / 2`` times the target's nominal
    size (size / search_scale). Its second is the standard deviation of the logarithm of the crop's
    side. DiMP's pairs are (3, 0.25 / sqrt 2) and (4.5, 0.5 / sqrt 2): it draws width and height
    apart, and the side is their geometric mean.
    """

    size: Count = 288  #: Side of the crops in pixels.
    search_scale: Annotated[float, at_least(1)] = 5.0  #: Side before jitter, in target sizes.
    template_jitter: tuple[NonNegative, NonNegative] = (3.0, 0.18)  #: Jitter of template frames.
    search_jitter: tuple[NonNegative, NonNegative] = (4.5, 0.35)  #: Jitter of search frames.

    def place(
        self, rng: np.random.Generator, points: np.ndarray, linear: np.ndarray, is_template: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw where a target lands in a crop of a template or search frame.

        Of its (P, 2) outline in frame pixels, stretched and rotated by the (2, 2) ``linear``: the
        (2, 3) map of frame pixels to crop pixels, and the box, (1, 4) float32 in (x1, y1, x2, y2)
        crop pixels.
        """
        of_place, of_scale = self.template_jitter if is_template else self.search_jitter
        nominal = self.size / self.search_scale
        center = (self.size - 1) / 2.0 + rng.uniform(-0.5, 0.5, 2) * of_place * nominal
        target_size = nominal * float(np.exp(-of_scale * rng.standard_normal()))
        matrix = place_matrix(linear, points, center, target_size)
        return matrix, bounding_box(map_points(matrix, points)).astype(np.float32)[None]


def draw_mirror(rng: np.random.Generator, probability: float) -> float:
    """-1 to mirror left and right, else 1."""
    return -1.0 if rng.random() < probability else 1.0


def draw_linear(
    rng: np.random.Generator, mirror: float, aspect: float, rotation: float | None
) -> np.ndarray:
    """Draw a (2, 2) stretch and rotation.

    The stretch is by up to exp(+-aspect / 2) along x and the inverse along y, times ``mirror``
    (see :func:`draw_mirror`); the rotation by up to so many degrees, or none.
    """
    stretch = np.exp(rng.uniform(-0.5, 0.5) * aspect)
    degrees = 0.0 if rotation is None else rng.uniform(-1.0, 1.0) * rotation
    return linear_map(mirror * stretch, 1.0 / stretch, degrees)


@TRANSFORMS.register_module()
@dataclass
class TrackingCrop(CropTransform):
    """Cuts one crop around the target out of each frame, by a single resampling.

    Same pixel mapping as the tracker's crop, with jitter of place and scale. The frames of a still
    image are also stretched, rotated (only where an outline gives the exact box) and mirrored,
    each differently; those of a video are mirrored together.

    Replaces ``img`` by crops (size, size, 3) and adds ``gt_bboxes``, for each frame (1, 4) float32
    in (x1, y1, x2, y2) crop pixels, not clipped to the crop. Leaves ``CutAndPaste``'s crops alone.
    """

    flip_prob: Probability = 0.5  #: Of mirroring left and right.
    still_aspect: NonNegative = 0.2  #: Stretch of still images, see :func:`draw_linear`.
    still_rotation: NonNegative = 10.0  #: Still images are rotated by up to this many degrees.

    def transform(self, results: dict) -> dict | None:
        if 'gt_bboxes' in results:
            return results
        if results['paste_only']:
            return None
        rng, is_still = results['rng'], results['is_still']
        mirror = draw_mirror(rng, self.flip_prob)
        crops, boxes = [], []
        for index, frame in enumerate(results['img']):
            outline = results['outlines'][index]
            corners = box_corners(results['instances'][index][0]['bbox'])
            points = edges_to_pixels(np.concatenate(outline) if outline else corners)
            linear = linear_map(mirror, 1.0)
            if is_still:
                mirror = draw_mirror(rng, self.flip_prob)
                rotation = self.still_rotation if outline else None
                linear = draw_linear(rng, mirror, self.still_aspect, rotation)
            matrix, box = self.place(rng, points, linear, index < results['num_template_frames'])
            crops.append(warp(frame, matrix, self.size, self.size))
            boxes.append(box)
        results['img'] = crops
        results['gt_bboxes'] = boxes
        return results


@TRANSFORMS.register_module()
class CropLikeTracker(CropLikeDiMP):
    """``CropLikeDiMP`` whose boxes are in pixels of the crop, a pixel's centre being its index.

    mmtrack counts from the edge of the crop's first pixel: its boxes lie half a crop pixel right
    of and below those that :class:`TLPG` learns from in the first frame and reads in later ones.
    """

    def generate_box(
        self, bbox_gt: np.ndarray, crop_area_bbox: np.ndarray, resize_factor: float
    ) -> np.ndarray:
        """A box (x1, y1, x2, y2) of the frame, counted from edges, in crop pixels; (4,)."""
        return edges_to_pixels(super().generate_box(bbox_gt, crop_area_bbox, resize_factor))
