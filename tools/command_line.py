# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What the commands in tools/ and benchmarks/ share: options, and how they end.

Exit codes:
  0    all was done
  1    something was left out, and named
  2    a user can fix it: an option, a file, the environment; one line says what and how
  130  Ctrl-C

Any other exception is a fault in code, and keeps its traceback.
"""

from __future__ import annotations

import argparse
import errno
import functools
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from math import inf
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    from mmengine.config import Config

LEFT_OUT, BAD_INPUT, INTERRUPTED = 1, 2, 130

FILE_ERRORS = (
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

CONVENTIONS = ('otb', 'lasot', 'got10k')


def describe(text: str, example: str = '') -> argparse.ArgumentParser:
    """A parser whose help is a command's docstring, and an example: the script and arguments."""
    script, _, rest = example.partition(' ')
    # The command `tlpg` runs some scripts under names of its own.
    called = sys.argv[0] if sys.argv[0].startswith('tlpg ') else f'python {script}'
    return argparse.ArgumentParser(
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f'example: {called} {rest}' if example else None,
    )


def within(kind: Callable[[str], float], least: float, most: float = inf) -> Callable:
    """A reader of options that are numbers of a kind, ``int`` or ``float``, in least..most."""

    def read(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            limits = f'{least} or more' if most == inf else f'from {least} to {most}'
            raise argparse.ArgumentTypeError(f'must be {limits}, got {text}')
        return value

    # What argparse calls it.
    read.__name__ = kind.__name__
    return read


#: A random seed: torch, NumPy and OpenCV, which takes a C int, all have it.
seed = within(int, 0, 2**31 - 1)
#: The number of a port; 0 is any that is free.
port = within(int, 0, 2**16 - 1)
positive = within(int, 1)


def add_device(parser: argparse.ArgumentParser) -> None:
    """The options --device and --seed."""
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0' (default: a GPU if any)")
    parser.add_argument(
        '--seed', type=seed, default=0, help='same seed, same boxes (default: %(default)s)'
    )


def add_tracker(parser: argparse.ArgumentParser) -> None:
    """The options --config, --checkpoint, --device and --seed of a TLPG tracker."""
    parser.add_argument('--config', help="tlpg's config (default: that of its weights)")
    parser.add_argument('--checkpoint', help="tlpg's weights (default: the shipped ones)")
    add_device(parser)


def add_changes(parser: argparse.ArgumentParser) -> None:
    """The option --cfg-options, for :func:`change_config`."""
    from mmengine.config import DictAction

    parser.add_argument(
        '--cfg-options',
        nargs='+',
        type=key_value,
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in tools/train.py',
    )


def add_convention(parser: argparse.ArgumentParser, *more: str) -> None:
    """The option --convention, one of the benchmarks' or of ``more``."""
    parser.add_argument(
        '--convention',
        choices=(*more, *CONVENTIONS),
        default='otb',
        help='which frames count; docs/evaluation.md says how they differ (default: %(default)s)',
    )


def key_value(text: str) -> str:
    """Check one of ``--cfg-options``, on which mmengine's ``DictAction`` ends with a traceback."""
    if '=' not in text:
        raise argparse.ArgumentTypeError(f'expected KEY=VALUE, got {text!r}')
    return text


def change_config(config: Config, changes: Mapping[str, Any] | None) -> None:
    """Change values of a config in place, given by dotted key as ``DictAction`` does.

    Raises:
        InputError: If one does not fit the config; names its key.
    """
    for key, value in (changes or {}).items():
        try:
            config.merge_from_dict({key: value})
        except (AttributeError, KeyError, TypeError) as error:
            # mmengine quotes the whole list that an index is not of.
            reason = textwrap.shorten(str(error), 120)
            raise InputError(
                f'cfg-options: {key} does not fit {config.filename} ({reason}); check the key'
            ) from error


def command(resume: str = '') -> Callable[[Callable[..., int | None]], Callable[..., int]]:
    """Decorate a command's `main`: it returns an exit code, and says what a user can fix.

    Args:
        resume: How to go on after Ctrl-C, or after a process was killed.
    """

    def decorate(main: Callable[..., int | None]) -> Callable[..., int]:
        @functools.wraps(main)
        def run(*arguments: object) -> int:
            try:
                return main(*arguments) or 0
            except KeyboardInterrupt as interrupt:
                print(*interrupt.args or (_join('interrupted', resume),), file=sys.stderr)
                return INTERRUPTED
            except Exception as error:
                line = explain(error, resume)
                if line is None:
                    raise
                print(f'error: {line}', file=sys.stderr)
                return BAD_INPUT

        return run

    return decorate


def explain(error: Exception, resume: str = '') -> str | None:
    """What a user can do about an error.

    Args:
        error: The error.
        resume: How to go on after a process was killed.

    Returns:
        One line; None for a fault in code, whose traceback is wanted.
    """
    text = _innermost(error)
    if isinstance(error, InputError):
        return text
    if isinstance(error, FILE_ERRORS) or getattr(error, 'errno', None) in DISK_ERRORS:
        # One of ours says what to do; one of the operating system's begins with its number.
        return _join(text, text.startswith('[Errno') and _advice(error))
    if isinstance(error, (UnpicklingError, EOFError)) or 'PytorchStreamReader' in text:
        return (
            'a checkpoint (load_from, or the one that --resume takes from last_checkpoint) is '
            'truncated or none; name another, such as that of the epoch before '
            f'({text.partition(". ")[0]})'
        )
    if text.startswith('DataLoader worker (pid'):
        return _join(text.rstrip('. '), resume)
    if isinstance(error, ImportError):
        while isinstance(error.__context__, ImportError):
            error = error.__context__
        if isinstance(error, ModuleNotFoundError) and not error.name.startswith('tlpg_mmtrack'):
            return f'{error}; install it, or add its folder to PYTHONPATH'
    return None


def _advice(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return 'check the path; data are below TLPG_DATA (docs/custom_data.md)'
    return 'free space' if error.errno in (errno.ENOSPC, errno.EDQUOT) else 'pass another path'


def _innermost(error: Exception) -> str:
    """The message in one line, without the traceback that torch adds in another process."""
    text = str(error)
    if re.match(r'Caught \w+ in ', text):
        text = re.split(rf'^(?:\w+\.)*{type(error).__name__}: ', text, flags=re.M)[-1]
    return ' '.join(text.split())


def _join(text: str, advice: str) -> str:
    return f'{text}; {advice}' if advice else text
