# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""GOT-10k's validation split as data to test on, with all its boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mmtrack.datasets import BaseSOTDataset, GOT10kDataset
from mmtrack.registry import DATASETS


@DATASETS.register_module()
class GOT10kValidationDataset(GOT10kDataset):
    """Every frame's box, and whether the target can be seen, for GOT-10k's own measures.

    mmtrack's ``GOT10kDataset`` gives only the first box when it tests: it is made for the split
    ``test``, whose other boxes are not public.
    """

    def get_visibility_from_video(self, video_idx: int) -> dict[str, np.ndarray]:
        """Whether any of the target can be seen: ``cover.label`` above 0, as GOT-10k counts.

        Args:
            video_idx: The video's position.
        """
        video = self.get_data_info(video_idx)['video_path']
        path = Path(self.data_prefix['img_path']) / video / 'cover.label'
        return dict(visible=self._loadtxt(str(path), dtype=int) > 0)

    def prepare_test_data(self, video_idx: int, frame_idx: int) -> dict:
        """One frame, as mmtrack's data sets with boxes for every frame give it.

        Args:
            video_idx: The video's position.
            frame_idx: The frame's position in it.
        """
        return BaseSOTDataset.prepare_test_data(self, video_idx, frame_idx)
