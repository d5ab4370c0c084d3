# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Test and evaluate a model: mmtrack's own tool, made to run on a current stack.

Usage: python tools/test.py CONFIG [--checkpoint] FILE [--work-dir DIR]
    [--launcher pytorch] [--cfg-options KEY=VALUE ...]

``--help`` explains every option; that the checkpoint may also follow the config, as in
MMDetection, is ours: MIM calls it so. A relative path is taken from the current folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# At module level: a data loader's spawned processes import this file, and need the shims too.
from tlpg_mmtrack import compat
from tlpg_mmtrack.allocator import keep_freed_memory


def name_checkpoint(arguments: list[str]) -> list[str]:
    """The command line with ``--checkpoint`` before a checkpoint that follows the config."""
    if len(arguments) > 1 and not any(argument.startswith('-') for argument in arguments[:2]):
        return [arguments[0], '--checkpoint', *arguments[1:]]
    return arguments


if __name__ == '__main__':
    keep_freed_memory()
    sys.argv[1:] = name_checkpoint(sys.argv[1:])
    compat.load_mmtrack_tool('test.py').main()
