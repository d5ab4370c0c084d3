# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Pasting an object, cut out along its outline, onto a crop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from tlpg_mmtrack.utils.images import read_image

from ..ops.crop import bounding_box, box_corners, edges_to_pixels, map_points, warp

_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Cutout:
    """An object and the image that shows it."""

    image: np.ndarray  #: (H, W, 3) uint8.
    outline: list[np.ndarray]  #: Polygons, each (P, 2), as annotated (counted from pixel edges).

    @property
    def points(self) -> np.ndarray:
        """All points of the outline in pixel coordinates, (P, 2) float64."""
        return edges_to_pixels(np.concatenate(self.outline))

    def recolored(self, table: np.ndarray) -> Cutout:
        """The same object with another (256, 1, 3) uint8 colour table applied."""
        return replace(self, image=cv2.LUT(self.image, table))

    def paste(self, canvas: np.ndarray, matrix: np.ndarray, blur: np.ndarray | None) -> None:
        """Draw the object onto a crop, (S, S, 3) uint8, in place, with a soft edge.

        ``matrix``, (2, 3), maps pixels of ``image`` to those of ``canvas``; ``blur`` is the kernel
        of its motion blur, if any.
        """
        shapes = [map_points(matrix, edges_to_pixels(polygon)) for polygon in self.outline]
        box = bounding_box(np.concatenate(shapes))
        margin = 3 if blur is None else 3 + len(blur) // 2
        limit = canvas.shape[1::-1]
        x1, y1 = np.clip(np.floor(box[:2]) - margin, 0, limit).astype(int).tolist()
        x2, y2 = np.clip(np.ceil(box[2:]) + margin, 0, limit).astype(int).tolist()
        if x2 <= x1 or y2 <= y1:
            return
        origin = np.array([x1, y1], dtype=np.float64)
        shift = np.column_stack((matrix[:, :2], matrix[:, 2] - origin))
        layer = warp(self.image, shift, x2 - x1, y2 - y1)
        alpha = np.zeros(layer.shape[:2], dtype=np.uint8)
        # Each part by itself: filled together, parts that overlap would cancel out.
        for shape in shapes:
            part = np.round((shape - origin) * 2**_SUBPIXEL_BITS).astype(np.int32)
            cv2.fillPoly(alpha, [part], 255, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
        alpha = cv2.GaussianBlur(alpha, (3, 3), 0)
        _blend(canvas[y1:y2, x1:x2], layer, alpha, blur)


def _blend(
    region: np.ndarray, layer: np.ndarray, alpha: np.ndarray, blur: np.ndarray | None
) -> None:
    """Put ``layer`` over ``region`` in place, both smeared by ``blur`` if given."""
    opacity = cv2.merge([alpha, alpha, alpha]).astype(np.float32) / 255.0
    colour = layer.astype(np.float32) * opacity
    if blur is not None:
        colour = cv2.filter2D(colour, -1, blur, borderType=cv2.BORDER_REPLICATE)
        opacity = cv2.filter2D(opacity, -1, blur, borderType=cv2.BORDER_REPLICATE)
    region[...] = cv2.convertScaleAbs(region * (1.0 - opacity) + colour)


def cutout_of(sequence: dict, index: int = 0) -> Cutout | None:
    """The object of one frame of a sequence (see ``TrackingSource``), read from its file.

    It is cut out along its mask, or its box where it has none. None if the image is unusable or
    the object is absent.
    """
    if not sequence['bboxes_isvalid'][index]:
        return None
    image = read_image(sequence['img_paths'][index], sequence.get('img_shape'))
    if image is None:
        return None
    return Cutout(image, sequence['outlines'][index] or [box_corners(sequence['bboxes'][index])])
