# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's VOT protocol runs without the VOT toolkit, and resets a lost tracker."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.structures import TrackDataSample
from torch import Tensor

from tlpg_mmtrack.compat.vot import is_special, region_overlaps, to_region


class Stubborn(BaseSingleObjectTracker):
    """Says that the target stays where it was; counts its starts."""

    def __init__(self) -> None:
        super().__init__()
        self.test_cfg = dict(test_mode='VOT')
        self.starts: list[int] = []

    def init(self, img: Tensor) -> None:
        self.starts.append(self.memo.frame_id)

    def track(self, img: Tensor, data_samples: list) -> list[InstanceData]:
        cx, cy, width, height = self.memo.bbox.tolist()
        box = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2]
        return [InstanceData(bboxes=img.new_tensor([box]), scores=img.new_tensor([1.0]))]

    def loss(self, inputs: dict, data_samples: list) -> dict:
        return {}


def frame(index: int, x: float) -> list[TrackDataSample]:
    """A frame with a square of side 10 at x, as four corners."""
    sample = TrackDataSample(metainfo=dict(frame_id=index, img_shape=(100, 200)))
    corners = [x, 20.0, x + 10, 20.0, x + 10, 30.0, x, 30.0]
    sample.gt_instances = InstanceData(bboxes=torch.tensor([corners]))
    return [sample]


def test_mmtracks_protocol_resets_after_five_frames() -> None:
    tracker = Stubborn()
    images = dict(img=torch.zeros(1, 1, 3, 100, 200))
    kinds = []
    # The target jumps away in frame 3, and once more in the last.
    for index, x in enumerate([50.0] * 3 + [90.0] * 7 + [20.0]):
        result = tracker.predict(images, frame(index, x))[0].pred_track_instances.bboxes
        kinds.append(result[0, 0].item() if result.numel() == 1 else 'box')
    assert kinds == [1, 'box', 'box', 2, 0, 0, 0, 0, 1, 'box', 2]
    assert tracker.starts == [0, 8]


def test_regions_of_mmtracks_format() -> None:
    box = to_region(np.array([10, 20, 30, 50]))
    assert box.tolist() == [[10, 20], [30, 20], [30, 50], [10, 50]]
    assert to_region(np.array([2.0])).tolist() == [2]
    assert is_special(to_region(np.array([2.0])), 2)
    assert not is_special(box, 2)


def test_codes_overlap_nothing() -> None:
    box, code = to_region([0.0, 0.0, 9.0, 9.0]), to_region([1.0])
    assert region_overlaps([box, code, box], [box, box, code], (50, 50)) == pytest.approx(
        [1, 0, 0]
    )
