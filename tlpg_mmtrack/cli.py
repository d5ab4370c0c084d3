# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The command ``tlpg``: the scripts of tools/ that people use every day, from any folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

#: The script of each, and what it does.
COMMANDS = {
    'track': ('demo', 'track objects through a video, a folder of pictures or a camera'),
    'web': ('web', 'the same in a browser: draw boxes, track, correct, download'),
    'convert': ('convert', 'boxes from and to CVAT, Label Studio, COCO, MOTChallenge, VOT, OTB'),
    'label': ('label_backend', "serve Label Studio: propose the next frames' boxes"),
    'export': ('export', 'write the per-frame network as an ONNX file'),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Its name and its arguments; those of the process if None.

    Returns:
        Exit code: 0; 1, something was left out; 2, a user can fix it; 130, Ctrl-C.
    """
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ['--help']
    if name in ('-h', '--help'):
        print(_help())
        return 0
    if name == '--version':
        from . import __version__

        print(f'tlpg {__version__}')
        return 0
    if name not in COMMANDS:
        print(f"error: no command '{name}'; one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return _run(name, rest)


def _run(name: str, arguments: list[str]) -> int:
    """Run one of the scripts, which lie in the checkout or in the installed package."""
    package = Path(__file__).resolve().parent
    # Beside an installed package may lie somebody else's tools/.
    folders = [package / '.mim' / 'tools', package.parent / 'tools']
    script = COMMANDS[name][0]
    folder = next((each for each in folders if (each / f'{script}.py').is_file()), None)
    if folder is None:
        places = ' nor '.join(map(str, folders))
        print(f'error: {script}.py is neither in {places}; install it again', file=sys.stderr)
        return 2
    # At the end, and as modules of tlpg_tools: their own names are other people's, too.
    sys.path.append(str(folder))
    # What argparse calls the program.
    sys.argv = [f'tlpg {name}', *arguments]
    return importlib.import_module(f'tlpg_tools.{script}').main(arguments)


def _help() -> str:
    lines = [f'  {name:<9}{about}' for name, (_, about) in COMMANDS.items()]
    return '\n'.join(
        ['usage: tlpg COMMAND ...', '', *lines, '', '`tlpg COMMAND --help` lists its options.']
    )
