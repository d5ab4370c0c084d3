# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading of a training sample's frames."""

from __future__ import annotations

import warnings

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.corpus_warning import CorpusWarning
from tlpg_mmtrack.utils.images import read_image


@TRANSFORMS.register_module()
class LoadTrackingFrames(BaseTransform):
    """Reads the frames of ``img_path``, each file once.

    Adds ``img``, a list of (H, W, 3) uint8 BGR. A file that cannot be read or does not have its
    declared size, or whose object lies outside of it, is named in a warning and the sample is
    dropped (the dataset draws another).
    """

    def transform(self, results: dict) -> dict | None:
        """Add ``img``."""
        frames: dict[str, np.ndarray] = {}
        for path, instances in zip(results['img_path'], results['instances'], strict=True):
            if path not in frames:
                frame = read_image(path, results['img_shape'])
                if frame is None or not _is_inside(instances[0]['bbox'], frame, path):
                    return None
                frames[path] = frame
        results['img'] = [frames[path] for path in results['img_path']]
        return results


def _is_inside(box: np.ndarray, frame: np.ndarray, path: str) -> bool:
    """Whether a box (x1, y1, x2, y2) has its centre in its frame; warns if not."""
    middle = (box[:2] + box[2:]) / 2.0
    if (middle >= 0.0).all() and (middle < frame.shape[1::-1]).all():
        return True
    warnings.warn(
        f'{path}: box {box.tolist()} has its centre outside; skipped', CorpusWarning, stacklevel=3
    )
    return False
