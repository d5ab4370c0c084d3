# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Still images with boxes and masks (COCO format) as training sequences."""

from __future__ import annotations

import json
import os.path as osp
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmtrack.registry import DATASETS
from pycocotools import mask as coco_mask

from tlpg_mmtrack.utils.boxes import box_overlaps
from tlpg_mmtrack.utils.errors import InputError

from ..ops.crop import bounding_box
from .tracking_source import TrackingSource

#: What annotations can have wrong that is counted rather than named one by one, and the fix.
NO_IMAGE = 'have the image_id of no image', 'give the id of its image, of the same type'
CROWD = 'are of crowds', 'annotate each on its own, with iscrowd 0'


@DATASETS.register_module()
class TrackingImageDataset(TrackingSource):
    """Each object of a COCO annotation file is a sequence of one frame.

    Objects whose annotation is malformed, whose box has no area or lies outside its image, or
    whose mask does not fit its box (intersection over union below 0.5), are left out, each with a
    warning. So are annotations of images that the file does not list, and those of crowds, with
    one warning for all of a kind. An InputError if no object is left.

    Args:
        ann_file: The annotation file: ``images`` (file_name, width, height) and ``annotations``
            (bbox in (x, y, w, h), segmentation as polygons or run-length code, or absent).
        data_prefix: ``dict(img_path=folder of the images)``.
        **kwargs: See ``TrackingSource``; ``include`` matches file names.
    """

    MIN_OVERLAP = 0.5

    def __init__(self, ann_file: str, data_prefix: dict, **kwargs: Any) -> None:
        super().__init__(ann_file=ann_file, data_prefix=data_prefix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the annotation file; one dict for each usable object."""
        if not osp.isfile(self.ann_file):
            raise InputError(
                f'ann_file: {self.ann_file} does not exist; expected a COCO annotation file'
            )
        try:
            # Windows' editors put a byte order mark first.
            content = json.loads(Path(self.ann_file).read_text(encoding='utf-8-sig'))
            pairs, faults = self._selected(content)
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise InputError(
                f'ann_file: {self.ann_file} is no COCO annotation file '
                f'({type(error).__name__}: {error})'
            ) from error
        for (fault, fix), count in faults.items():
            share = f'{count} of {len(content["annotations"])}'
            message = f'{self.ann_file}: {share} annotations {fault}; left out; {fix}'
            self.leave_out(f'{count} that {fault}; {fix}', message, count)
        objects = [item for pair in pairs if (item := self._parse(*pair))]
        return self.check_loaded(objects, 'object', 'COCO images with boxes')

    def _selected(self, content: dict) -> tuple[list[tuple[dict, dict]], Counter]:
        """Annotations of single objects, each with its image; counts of others by their fault."""
        images = {image['id']: image for image in content.get('images', ())}
        pairs, faults = [], Counter()
        for annotation in content.get('annotations', ()):
            try:
                image = images.get(annotation['image_id'])
            except (KeyError, TypeError):  # It has none, or one that no image can have.
                image = None
            if image is None:
                faults[NO_IMAGE] += 1
            elif not self.is_selected(image['file_name']):
                continue
            elif annotation.get('iscrowd', 0):
                faults[CROWD] += 1
            else:
                pairs.append((annotation, image))
        return pairs, faults

    def _parse(self, annotation: dict, image: dict) -> dict | None:
        """One object as a dict of our own, or None, with a warning, if it cannot be used."""
        try:
            return self._object(annotation, image)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            name = f'annotation {annotation.get("id")} of {image["file_name"]}'
            reason = '' if isinstance(error, InputError) else f'{type(error).__name__}: '
            self.leave_out(name, f'{self.ann_file}: {name}: object left out: {reason}{error}')
            return None

    def _object(self, annotation: dict, image: dict) -> dict | None:
        """One object as a dict of our own, or None if it is too small or large; raises if bad."""
        height, width = image.get('height'), image.get('width')
        if not all(isinstance(side, (int, float)) and side > 0 for side in (height, width)):
            raise InputError(
                f'its image must have a positive width and height, got {width!r} and {height!r}'
            )
        box = _box_of(annotation, height, width)
        if not self.is_large_enough(box, height, width):
            return None
        outline = outline_of(annotation.get('segmentation'), height, width)
        if outline:
            tight = bounding_box(np.concatenate(outline).astype(np.float64))
            mask = np.concatenate([tight[:2], tight[2:] - tight[:2]])
            if box_overlaps(mask[None], box[None])[0] < self.MIN_OVERLAP:
                raise InputError(f'mask (box {mask.round(1)}) does not fit box {box.round(1)}')
        paste_only = box[2] * box[3] > self.max_cover * height * width
        if paste_only and not outline:
            return None
        return dict(
            img_paths=[osp.join(self.data_prefix['img_path'], image['file_name'])],
            img_shape=(height, width),
            bboxes=box[None],
            outlines=[outline],
            category=str(annotation.get('category_id')),
            paste_only=bool(paste_only),
        )

    def full_init(self) -> None:
        """Load the annotations and note which objects share a category."""
        if self._fully_initialized:
            return
        super().full_init()
        groups: dict[int, list[int]] = defaultdict(list)
        for index in range(self.num_videos):
            item = self.get_data_info(index)
            if item['outlines'][0]:
                groups[item['category']].append(index)
        self._masked_of_category = {key: np.array(value) for key, value in groups.items()}

    def get_peer(self, video_idx: int, rng: np.random.Generator) -> int | None:
        """Index of another object of the same category that has a mask."""
        group = self._masked_of_category.get(self.get_data_info(video_idx)['category'], ())
        if len(group) < 2:
            return None
        peer = int(rng.choice(group))
        return peer if peer != video_idx else None


def _box_of(annotation: dict, height: int, width: int) -> np.ndarray:
    """An annotation's box (x, y, w, h), (4,) float64; raises if it is of no use."""
    values = annotation.get('bbox')
    try:
        box = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        box = np.empty(0)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise InputError(f'bbox: {values} is not four finite numbers [x, y, width, height]')
    if (box[2:] <= 0).any():
        raise InputError(f'bbox: {values} has no area')
    if (box[:2] >= (width, height)).any() or (box[:2] + box[2:] <= 0).any():
        raise InputError(f'bbox: {values} is outside the {width} x {height} image')
    return box


def outline_of(segmentation: list | dict | None, height: int, width: int) -> list[np.ndarray]:
    """Polygons, each (P, 2) float32 with P >= 3, of a COCO segmentation; empty without a mask.

    It is polygons [x1, y1, x2, y2, ...], or a run-length code (compressed or not) of an image of
    this size; an InputError if it is neither. They are counted from pixel edges like a COCO box;
    those of run-length codes pass through the centres of the object's outermost pixels.
    """
    try:
        if isinstance(segmentation, dict) and segmentation:
            polygons = _contours(segmentation, height, width)
        else:
            parts = segmentation or ()
            polygons = [np.asarray(part, dtype=np.float32).reshape(-1, 2) for part in parts]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f'segmentation: {error}; give a list of polygons or a run-length code'
        ) from error
    return [polygon for polygon in polygons if len(polygon) >= 3]


def _contours(code: dict, height: int, width: int) -> list[np.ndarray]:
    """The outer outlines of a run-length code, as polygons (P, 2) float32."""
    size, counts = code.get('size'), code.get('counts')
    # Decoded at another size, it would be a mask of something else.
    if size != [height, width] or not counts:
        raise InputError(
            f'a run-length code needs counts and size [{height}, {width}], that of its image, '
            f'got keys {sorted(code)} and size {size}'
        )
    if isinstance(counts, list):
        # pycocotools fills what the counts leave over with whatever is in memory.
        if min(counts) < 0 or sum(counts) != height * width:
            raise InputError(
                f'counts must not be negative and add up to the {height * width} pixels of the '
                f'image, got a sum of {sum(counts)}'
            )
        code = coco_mask.frPyObjects(code, height, width)
    contours, _ = cv2.findContours(
        coco_mask.decode(code), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return [contour.reshape(-1, 2).astype(np.float32) + 0.5 for contour in contours]
