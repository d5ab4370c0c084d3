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
    from tlpg_mmtrack.allocator import keep_freed_memory
    from tlpg_mmtrack.compat.launching import leave_process_group, load_mmtrack_tool
    from tlpg_mmtrack.files.mistakes import explain
except KeyboardInterrupt:
    sys.exit('interrupted')

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

if __name__ == '__main__':
    keep_freed_memory()
    try:
        load_mmtrack_tool('train.py').main()
        leave_process_group()
    except KeyboardInterrupt as interrupt:
        print(interrupt.args[0] if interrupt.args else 'interrupted', file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        print(f'error: {message}', file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
