# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Train a model: mmtrack's own tool, made to run on a current stack.

Usage: python tools/train.py CONFIG [--work-dir DIR] [--resume] [--amp]
    [--launcher pytorch] [--cfg-options KEY=VALUE ...]

``--help`` explains every option. A relative path is taken from the current folder. Ctrl-C stops
after the iteration at hand, with exit code 130; ``--resume`` goes on from the last checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# At module level: a data loader's spawned processes import this file, and need the shims too.
try:
    from tlpg_mmtrack import compat
    from tlpg_mmtrack.allocator import keep_freed_memory
    from tlpg_mmtrack.files.mistakes import explain
except KeyboardInterrupt:
    sys.exit('interrupted')

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def main() -> None:
    """Hand over to mmtrack's tool; ``--amp`` takes what there is."""
    from mmengine.device import get_device

    tool = compat.load_mmtrack_tool('train.py')
    options = tool.parse_args()
    if options.amp and get_device() == 'cpu':
        # mmtrack's tool would take mmengine's wrapper, which refuses a machine without a GPU.
        options.amp = False
        options.cfg_options = {
            **(options.cfg_options or {}),
            'optim_wrapper.type': 'CPUAmpOptimWrapper',
        }
    # Where mmtrack's main looks its options up.
    tool.parse_args = lambda: options
    tool.main()


if __name__ == '__main__':
    keep_freed_memory()
    try:
        main()
        compat.leave_process_group()
    except KeyboardInterrupt as interrupt:
        print(interrupt.args[0] if interrupt.args else 'interrupted', file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        print(f'error: {message}', file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
