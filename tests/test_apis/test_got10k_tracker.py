# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The got10k package's own loop drives the tracker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_model import FakeModel

from tlpg_mmtrack import Tracker

pytest.importorskip('got10k', reason='the got10k package is not installed (pip install got10k)')


def test_the_packages_loop_gets_boxes_and_times(square_files: list[Path]) -> None:
    from tlpg_mmtrack.apis.got10k_tracker import GOT10kTracker

    tracker = GOT10kTracker(Tracker(FakeModel(), device='cpu'))
    assert tracker.is_deterministic
    boxes, times = tracker.track([str(path) for path in square_files], np.array([10, 40, 20, 20]))
    assert boxes.shape == (6, 4)
    # The model finds the square's mean pixel, half a pixel from its middle, and adds noise.
    assert boxes[:, 0] == pytest.approx([10, 14, 18, 22, 26, 30], abs=0.6)
    assert (times > 0).all()


def test_frames_arrive_as_opencv_reads_them() -> None:
    from PIL import Image

    from tlpg_mmtrack.apis.got10k_tracker import _to_frame

    red = Image.new('RGB', (4, 2), (255, 0, 0))
    assert _to_frame(red).shape == (2, 4, 3)
    assert _to_frame(red)[0, 0].tolist() == [0, 0, 255]
