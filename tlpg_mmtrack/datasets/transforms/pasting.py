# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Objects cut out along masks: the target over another image, others beside or over it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.images import read_image
from tlpg_mmtrack.utils.option_rules import (
    CheckedOptions,
    Count,
    NonNegative,
    Positive,
    Probability,
)

from ...ops.crop import (
    bounding_box,
    box_corners,
    edges_to_pixels,
    linear_map,
    map_points,
    place_matrix,
    warp,
    window_matrix,
)
from .crops import CropTransform, draw_linear, draw_mirror
from .photometric import SUBPIXEL_BITS, random_motion_kernel, random_table


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
            part = np.round((shape - origin) * 2**SUBPIXEL_BITS).astype(np.int32)
            cv2.fillPoly(alpha, [part], 255, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
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


@TRANSFORMS.register_module()
@dataclass
class CutAndPaste(CropTransform):
    """Pastes the target, cut out along its mask, over another image, moving on its own.

    The background is a window of one frame of ``other`` that drifts from frame to frame. In each
    frame the target has its own place, scale, aspect, rotation, colour and motion blur. Replaces
    ``img`` and adds ``gt_bboxes`` as ``TrackingCrop`` does; where it does not act (by chance, or
    for want of a mask), it leaves the sample to that transform.
    """

    MAX_BLUR: ClassVar = 15

    #: Of acting on a target that has a mask. Targets marked ``paste_only`` are always pasted.
    prob: Probability = 0.6
    min_size: NonNegative = 24.0  #: Least sqrt(width * height) of a target, in pixels.
    flip_prob: Probability = 0.5  #: Of mirroring the target, in all frames together.
    aspect: NonNegative = 0.4  #: The target is stretched by up to this, see :func:`draw_linear`.
    rotation: NonNegative = 15.0  #: The target is rotated by up to this many degrees.
    colour: NonNegative = 0.15  #: Strength of its own change of colour, see ``random_table``.
    motion_blur_prob: Probability = 0.2  #: Of motion blur, for each frame.
    #: The background's window moves by up to this share of its side between frames.
    drift: NonNegative = 0.2

    def _acts_on(self, results: dict) -> bool:
        if not (results['is_still'] and results['outlines'][0]):
            return False
        box = bounding_box(np.concatenate(results['outlines'][0]))
        large_enough = np.sqrt(np.prod(box[2:] - box[:2])) >= self.min_size
        return large_enough and (results['paste_only'] or results['rng'].random() < self.prob)

    def _backgrounds(self, results: dict) -> list[np.ndarray] | None:
        """A window of the other sequence for each frame, or None if it cannot be read."""
        rng, other = results['rng'], results['other']
        path = other['img_paths'][int(rng.integers(len(other['img_paths'])))]
        image = read_image(path, other.get('img_shape'))
        if image is None:
            return None
        limits = np.array(image.shape[1::-1], dtype=np.float64)
        side = rng.uniform(0.35, 1.0) * limits.min()
        slack = np.maximum(limits - side, 0.0)
        middle = (limits - 1.0) / 2.0 + rng.uniform(-0.5, 0.5, 2) * slack
        windows = []
        for _ in results['img']:
            center = middle + rng.uniform(-1.0, 1.0, 2) * self.drift * side
            matrix = window_matrix(center, side * np.exp(rng.uniform(-0.1, 0.1)), self.size)
            windows.append(warp(image, matrix, self.size, self.size))
        return windows

    def transform(self, results: dict) -> dict | None:
        if not self._acts_on(results):
            return results
        crops = self._backgrounds(results)
        if crops is None:
            return None
        rng = results['rng']
        mirror = draw_mirror(rng, self.flip_prob)
        target = Cutout(results['img'][0], results['outlines'][0])
        boxes = []
        for index, canvas in enumerate(crops):
            linear = draw_linear(rng, mirror, self.aspect, self.rotation)
            is_template = index < results['num_template_frames']
            matrix, box = self.place(rng, target.points, linear, is_template)
            blur = None
            if rng.random() < self.motion_blur_prob:
                blur = random_motion_kernel(rng, self.MAX_BLUR)
            target.recolored(random_table(rng, self.colour)).paste(canvas, matrix, blur)
            boxes.append(box)
        results['img'] = crops
        results['gt_bboxes'] = boxes
        return results


@TRANSFORMS.register_module()
@dataclass
class PasteDistractors(CheckedOptions, BaseTransform):
    """Pastes other objects of the target's category into the crops, off the target.

    Where the set holds no such object with a mask, any object of ``other`` that has a mask serves.
    A copy of the target itself is recoloured and stretched: of an equal one nothing would tell
    which of the two is meant.
    """

    ATTEMPTS: ClassVar = 10

    prob: Probability = 0.3  #: That a sample has distractors.
    frame_prob: Probability = 0.8  #: That a distractor shows in a frame of such a sample.
    max_count: Count = 1  #: Most distractors of a sample; 1 up to this are equally likely.
    copy_prob: Probability = 0.0  #: That one is a changed copy of a target that has a mask.

    def transform(self, results: dict) -> dict:
        """Paste into ``img``; ``gt_bboxes`` stays as it is."""
        rng = results['rng']
        if rng.random() >= self.prob:
            return results
        for _ in range(int(rng.integers(self.max_count)) + 1):
            if distractor := self._distractor(results):
                self._paste(distractor, results)
        return results

    def _distractor(self, results: dict) -> Cutout | None:
        """The object to paste, recoloured, or None if there is none."""
        rng, outline = results['rng'], results['outlines'][0]
        if outline and rng.random() < self.copy_prob:
            image = read_image(results['img_path'][0], results['img_shape'])
            if image is not None:
                return Cutout(image, outline).recolored(random_table(rng, 0.6))
        masked = (each for each in (results['peer'], results['other']) if each)
        cutouts = (cutout_of(each) for each in masked if each['outlines'][0])
        distractor = next(filter(None, cutouts), None)
        return distractor and distractor.recolored(random_table(rng, 0.2))

    def _paste(self, distractor: Cutout, results: dict) -> None:
        rng = results['rng']
        mirror = draw_mirror(rng, 0.5)
        stretch = np.exp(rng.uniform(-0.2, 0.2))
        for canvas, boxes in zip(results['img'], results['gt_bboxes'], strict=True):
            if rng.random() >= self.frame_prob:
                continue
            if place := self._free_place(rng, boxes[0].astype(np.float64), canvas.shape[0]):
                linear = linear_map(mirror * stretch, 1 / stretch, rng.uniform(-15.0, 15.0))
                matrix = place_matrix(linear, distractor.points, *place)
                distractor.paste(canvas, matrix, None)

    def _free_place(
        self, rng: np.random.Generator, target: np.ndarray, crop_size: int
    ) -> tuple[np.ndarray, float] | None:
        """A centre and a size like the target's where a square leaves the target uncovered."""
        target_size = float(np.sqrt(np.prod(target[2:] - target[:2])))
        for _ in range(self.ATTEMPTS):
            size = target_size * float(np.exp(rng.uniform(-0.3, 0.3)))
            center = rng.uniform(0.0, crop_size, 2)
            # 0.6 and not 0.5: most objects are not square.
            nearest = np.clip(center, target[:2], target[2:])
            if np.abs(center - nearest).max() > 0.6 * size:
                return center, size
        return None


@TRANSFORMS.register_module()
@dataclass
class PasteOccluders(CheckedOptions, BaseTransform):
    """Pastes an object over a part of the target in search frames; its box stays whole.

    The occluder is the object of ``other``, along its mask or, without one, as its box.
    """

    prob: Probability = 0.15  #: Of an occluder, for each search frame.
    max_size: Positive = 0.9  #: Largest sqrt(width * height) of one, in units of the target's.

    def transform(self, results: dict) -> dict:
        """Paste into ``img``; ``gt_bboxes`` stays as it is."""
        rng, first = results['rng'], results['num_template_frames']
        hidden = [i for i in range(first, len(results['img'])) if rng.random() < self.prob]
        if not hidden:
            return results
        other = results['other']
        shown = np.flatnonzero(other['visible'])
        occluder = cutout_of(other, int(rng.choice(shown))) if len(shown) else None
        if occluder is None:
            return results
        for index in hidden:
            box = results['gt_bboxes'][index][0].astype(np.float64)
            sides = box[2:] - box[:2]
            size = float(np.sqrt(np.prod(sides)) * rng.uniform(0.4, self.max_size))
            # Around the target's rim, so that a part of it always shows.
            angle = rng.uniform(0.0, 2.0 * np.pi)
            rim = np.array([np.cos(angle), np.sin(angle)]) * sides * 0.5
            center = (box[:2] + box[2:]) / 2.0 + rim
            matrix = place_matrix(linear_map(1.0, 1.0), occluder.points, center, size)
            occluder.paste(results['img'][index], matrix, None)
        return results
