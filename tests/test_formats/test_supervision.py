# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The lines of docs/labelling.md about supervision, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fake_model import FakeModel, white_square

from tlpg_mmtrack.apis.tracker import Tracker

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'labelling.md'


def test_detections_out_and_in() -> None:
    pytest.importorskip('supervision', reason='not there (requirements/readers.txt)')
    (code,) = re.findall(r'```python\n(import numpy.*?)```', PAGE.read_text(), flags=re.S)
    tracker = Tracker(FakeModel(), 'cpu')
    tracker.init(white_square(20), (20, 40, 20, 20))
    names = dict(tracker=tracker, result=tracker.track(white_square(28)), frame=white_square(28))
    exec(code, names)
    detections = names['detections']
    assert detections.xyxy.tolist() == [pytest.approx([28, 40, 48, 60], abs=1)]
    assert detections.confidence.tolist() == [names['result'].confidence]
    assert detections.tracker_id.tolist() == [1]
    # As floats: the frame's pixels stay what they are.
    assert tracker.model.starts[1][1] == pytest.approx([28, 40, 20, 20], abs=1)
    assert len([line for line in code.splitlines() if line]) <= 12
