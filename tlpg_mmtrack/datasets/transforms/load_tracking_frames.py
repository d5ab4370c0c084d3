# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading of a training sample's frames."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ..frames import read_frame


@TRANSFORMS.register_module()
class LoadTrackingFrames(BaseTransform):
    """Reads the frames of ``img_path``, each file once, into ``img`` (list of (H, W, 3) uint8 BGR).

    A file that cannot be read or does not have its declared size, or whose object lies outside of
    it, is named in a warning and the sample is dropped (the dataset draws another).
    """

    def transform(self, results: dict) -> dict | None:
        """Add ``img``."""
        frames: dict[str, np.ndarray] = {}
        for path in results['img_path']:
            if path not in frames:
                frame = read_frame(path, results['img_shape'])
                if frame is None:
                    return None
                frames[path] = frame
        results['img'] = [frames[path] for path in results['img_path']]
        return results
