# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Stand-ins for what is not installed: it can be imported, and says so when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..utils.errors import PackageError


class StandIn(ModuleType):
    """A module with every name: a class that raises ``error(name)`` when it is called."""

    def __init__(self, module: str, error: Callable[[str], Exception]) -> None:
        super().__init__(module)
        self._error = error

    def __getattr__(self, name: str) -> type:
        if name.startswith('__'):
            raise AttributeError(name)

        def refuse(*args: Any, **kwargs: Any) -> None:
            raise self._error(name)

        return type(name, (), {'__new__': refuse})


@contextmanager
def stand_ins(packages: tuple[str, ...]) -> Iterator[None]:
    """Let imports of absent packages succeed inside the ``with`` block.

    What is imported from them raises PackageError when it is called. After the block the packages
    are absent again for everybody else. A package that is installed is imported as usual.
    """
    finder = _AbsentPackages(packages)
    # Last: what is installed is found before.
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.made:
            sys.modules.pop(name, None)


class _AbsentPackages(MetaPathFinder, Loader):
    """Finds a stand-in for every module of some packages."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._packages = packages
        self.made: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """A stand-in's spec; None for a module of any other package."""
        absent = name.partition('.')[0] in self._packages
        return ModuleSpec(name, self, is_package=True) if absent else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        package = spec.name.partition('.')[0]
        self.made.append(spec.name)
        return StandIn(
            spec.name,
            lambda name: PackageError(
                f'{spec.name}.{name} was called, and the package {package} is not installed: '
                f'pip install {package}; single-object tracking does without it'
            ),
        )

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""
