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

from command_line import BAD_INPUT, command

from tlpg_mmtrack.utils.errors import InputError


@command()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        Exit code.

    Raises:
        FileNotFoundError: If there is no such tool.
        InputError: If it is none of Python's.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0].startswith('-'):
        print(__doc__)
        return 0 if arguments else BAD_INPUT
    if not arguments[0].endswith('.py'):
        raise InputError(f'{arguments[0]} is no .py file; pass one of those')
    from tlpg_mmtrack.compat.launching import load_mmtrack_tool

    tool = load_mmtrack_tool(arguments[0])
    sys.argv = arguments
    tool.main()
    return 0


if __name__ == '__main__':
    sys.exit(main())
