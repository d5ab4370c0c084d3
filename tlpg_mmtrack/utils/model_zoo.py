# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Where the configs and weights that come with the package lie."""

from __future__ import annotations

from pathlib import Path

from .checkpoint import read_manifest
from .errors import InputError

PACKAGE = Path(__file__).resolve().parents[1]
SCHEME = 'tlpg://'
DEFAULT = 'tlpg_efflite0_small'  #: Config of the weights that are meant where none are named.


def shipped_config(name: str, package: Path = PACKAGE) -> Path:
    """Find a config by its file name without ``.py``, in the checkout or in the installed package.

    An InputError if there is none of that name.
    """
    folders = (package.parent / 'configs', package / '.mim' / 'configs')
    for folder in folders:
        path = folder / 'tlpg' / f'{name}.py'
        if path.is_file():
            return path
    raise InputError(
        f'config: no tlpg/{name}.py under {" or ".join(map(str, folders))}; '
        'pass the path of a config file'
    )


def shipped_weights(config: str = DEFAULT, package: Path = PACKAGE) -> Path:
    """The shipped weights that were trained with a config, by its name; an InputError if none."""
    for path in sorted((package / 'weights').glob('*.safetensors')):
        if read_manifest(path).config == config:
            return path
    raise InputError(
        f'checkpoint: no weights for the config {config} come with the package (looked in '
        f'{package / "weights"}); pass the checkpoint of a training run'
    )


def checkpoint_path(checkpoint: str | Path) -> Path:
    """The file of a checkpoint, named by its path or, if it is shipped, by ``tlpg://CONFIG``.

    An InputError if no weights of that config come with the package.
    """
    if isinstance(checkpoint, str) and checkpoint.startswith(SCHEME):
        return shipped_weights(checkpoint.removeprefix(SCHEME))
    return Path(checkpoint)
