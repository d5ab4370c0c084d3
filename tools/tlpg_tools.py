# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""This folder as a package: ``tlpg_tools.pictures`` is its ``pictures.py``, and nobody else's.

A module with a ``__path__`` is a package to Python; the scripts beside it stay scripts.
"""

from __future__ import annotations

import sys
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
__path__ = [str(_FOLDER)]
# tlpg_mmtrack itself, where it is not installed.
sys.path.insert(0, str(_FOLDER.parent))
