# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Which releases of other packages this one runs with."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from typing import NamedTuple

from packaging.specifiers import SpecifierSet

from ..utils.errors import PackageError


class Needed(NamedTuple):
    """A package's names in pip, its releases that run, and what installs the tested one."""

    distributions: tuple[str, ...]
    releases: str
    command: str


MMCV = ('mmcv', 'mmcv-lite', 'mmcv-full')

NEEDED = {
    'mmengine': Needed(('mmengine',), '>=0.7.1,<1', 'pip install mmengine==0.10.7'),
    'mmcv': Needed(
        MMCV,
        '>=2.0.0,<2.2',
        f'pip uninstall -y {" ".join(MMCV)} && pip install mmcv-lite==2.1.0',
    ),
    'mmcls': Needed(('mmcls',), '>=1.0.0rc0,<=1.0.0rc6', 'pip install mmcls==1.0.0rc6'),
    'mmdet': Needed(('mmdet',), '>=3.0.0rc0,<3.4', 'pip install mmdet==3.3.0'),
    'mmtrack': Needed(('mmtrack',), '==1.0.0rc1', 'pip install --no-deps mmtrack==1.0.0rc1'),
}


def check_releases() -> None:
    """Raise a PackageError that says what to install, if a package is missing or does not fit."""
    wrong = {name: there for name in NEEDED if (there := _misfit(name))}
    if wrong:
        needs = ', '.join(f'{name}{NEEDED[name].releases} ({wrong[name]})' for name in wrong)
        commands = ' && '.join(NEEDED[name].command for name in wrong)
        raise PackageError(
            f'tlpg_mmtrack needs {needs}: {commands}; in an environment of its own where other '
            'projects need other releases (`make setup` makes one)'
        )


def _misfit(name: str) -> str | None:
    """What is installed of a package, where it does not fit."""
    versions = []
    for distribution in NEEDED[name].distributions:
        try:
            versions.append(metadata.version(distribution))
        except metadata.PackageNotFoundError:
            continue
    if not versions:
        # A copy that pip does not know of is taken as it is.
        return None if find_spec(name) else 'not installed'
    fits = SpecifierSet(NEEDED[name].releases, prereleases=True)
    wrong = [version for version in versions if version not in fits]
    return f'installed: {", ".join(wrong)}' if wrong else None
