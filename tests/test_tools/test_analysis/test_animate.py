# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""tools/analysis/animate.py makes a moving picture of a video."""

from __future__ import annotations

from pathlib import Path

import animate
import numpy as np
import pytest
from PIL import Image
from tlpg_tools.writers import VideoFileWriter


def test_animate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    with VideoFileWriter(tmp_path / 'clip.mp4', 20.0) as writer:
        for index in range(5):
            writer.write(np.full((48, 64, 3), 40 * index, np.uint8))
    out = tmp_path / 'clip.webp'
    assert animate.main([str(tmp_path / 'clip.mp4'), str(out)]) == 0
    assert capsys.readouterr().out.startswith(f'{out}: 3 frames, ')
    with Image.open(out) as moving:
        assert moving.n_frames == 3
        moving.seek(2)
        assert abs(int(np.asarray(moving.convert('RGB')).mean()) - 160) < 8
