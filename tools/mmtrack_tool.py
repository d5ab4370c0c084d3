# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Run one of mmtrack's own tools on a current stack.

Usage: python tools/mmtrack_tool.py TOOL [arguments of the tool]

TOOL is a file below mmtrack's tools/, such as misc/print_config.py, misc/publish_model.py,
analysis_tools/browse_dataset.py or analysis_tools/analyze_logs.py; TOOL --help explains its
arguments. tools/train.py and tools/test.py run mmtrack's tools of these names.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from tlpg_tools.command_line import BAD_INPUT, command

from tlpg_mmtrack.utils.errors import InputError


def load_mmtrack_tool(name: str) -> ModuleType:
    """Load one of the tools that mmtrack ships beside its package, such as ``train.py``.

    mmtrack's wheel holds them in ``mmtrack/.mim``, where no import reaches them. The tool is
    loaded as a module of its own name, not as ``__main__``: processes that are spawned for it then
    start from our script, and not from mmtrack's.

    Returns:
        The tool's module; ``main()`` runs it with ``sys.argv``.

    Raises:
        InputError: If mmtrack was installed without its tools.
    """
    import mmtrack

    from tlpg_mmtrack.utils.config import hide_environment_variables

    hide_environment_variables()
    path = Path(mmtrack.__file__).parent / '.mim' / 'tools' / name
    if not path.is_file():
        raise InputError(
            f"mmtrack's own tools/{name} is not at {path}: mmtrack was not installed from its "
            'wheel; run: pip install --no-deps --force-reinstall mmtrack==1.0.0rc1'
        )
    spec = importlib.util.spec_from_file_location(f'mmtrack_tools_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options_of(tool: ModuleType) -> argparse.Namespace:
    """The command line of mmtrack's train.py or test.py; InputError if its config is no file."""
    options = tool.parse_args()
    if not Path(options.config).is_file():
        raise InputError(f'config: {options.config} is not a file; check the path')
    return options


def leave_process_group() -> None:
    """Destroy torch's default process group, which mmengine never does.

    With gloo, a process that ends while its group's threads run may abort (``terminate called
    without an active exception``), and the launcher then calls a run failed that has done all of
    its work. Not after an error: it could wait for processes that wait for this one.
    """
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


@command()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0].startswith('-'):
        print(__doc__)
        return 0 if arguments else BAD_INPUT
    if not arguments[0].endswith('.py'):
        raise InputError(f'{arguments[0]} is no .py file; pass one of those')
    tool = load_mmtrack_tool(arguments[0])
    sys.argv = arguments
    tool.main()
    return 0


if __name__ == '__main__':
    sys.exit(main())
