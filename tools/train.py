# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Train a model: mmtrack's own tool, made to run on a current stack.

Usage: python tools/train.py CONFIG [--work-dir DIR] [--resume] [--amp]
    [--launcher pytorch] [--cfg-options KEY=VALUE ...]

``--help`` explains every option. A relative path is taken from the current folder. Ctrl-C stops
after the iteration at hand, with exit code 130; ``--resume`` goes on from the last checkpoint.
"""

from __future__ import annotations

import sys

from tlpg_tools import mmtrack_tool
from tlpg_tools.command_line import command

# A data loader's spawned process imports this file, and then finds mmtrack importable too.
import tlpg_mmtrack  # noqa: F401


@command(resume='--resume goes on from the last checkpoint')
def main() -> None:
    """Hand over to mmtrack's tool; ``--amp`` takes what there is."""
    from mmengine.device import get_device
    from tlpg_tools.allocator import keep_freed_memory
    from tlpg_tools.train_runner import TrainingRunner

    keep_freed_memory()
    tool = mmtrack_tool.load_mmtrack_tool('train.py')
    options = mmtrack_tool.options_of(tool)
    if options.amp and get_device() == 'cpu':
        # mmtrack's tool would take mmengine's wrapper, which refuses a machine without a GPU.
        options.amp = False
        options.cfg_options = {
            **(options.cfg_options or {}),
            'optim_wrapper.type': 'CPUAmpOptimWrapper',
        }
    # Where mmtrack's main looks them up.
    tool.parse_args = lambda: options
    tool.Runner = TrainingRunner
    tool.main()
    mmtrack_tool.leave_process_group()


if __name__ == '__main__':
    sys.exit(main())
