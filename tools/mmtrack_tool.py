# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Run one of mmtrack's own tools on a current stack.

Usage: python tools/mmtrack_tool.py TOOL [arguments of the tool]

TOOL is a file below mmtrack's tools/, such as misc/print_config.py, misc/publish_model.py,
analysis_tools/browse_dataset.py or analysis_tools/analyze_logs.py; TOOL --help explains its
arguments. tools/train.py and tools/test.py run mmtrack's tools of these names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

EXIT_BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        Exit code: 0, or 2 where there is no such tool, or it is none of Python's.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0].startswith('-'):
        print(__doc__)
        return 0 if arguments else EXIT_BAD_INPUT
    if not arguments[0].endswith('.py'):
        print(f'error: {arguments[0]} is no .py file; pass one of those', file=sys.stderr)
        return EXIT_BAD_INPUT
    from tlpg_mmtrack.compat.launching import load_mmtrack_tool

    try:
        tool = load_mmtrack_tool(arguments[0])
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_BAD_INPUT
    sys.argv = arguments
    tool.main()
    return 0


if __name__ == '__main__':
    sys.exit(main())
