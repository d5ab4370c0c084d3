# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Test and evaluate a model: mmtrack's own tool, made to run on a current stack.

Usage: python tools/test.py CONFIG --checkpoint FILE [--work-dir DIR]
    [--launcher pytorch] [--cfg-options KEY=VALUE ...]

``--help`` explains every option. A relative path is taken from the current folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# At module level: a data loader's spawned processes import this file, and need the shims too.
from tlpg_mmtrack import compat
from tlpg_mmtrack.allocator import keep_freed_memory

if __name__ == '__main__':
    keep_freed_memory()
    compat.load_mmtrack_tool('test.py').main()
