# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Importing mmcv, mmdet, mmcls and mmtrack together, when the first of them is asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..utils.errors import PackageError
from .releases import check_releases

#: A release of mmcv that mmcls 1.0.0rc6, mmdet 3.0.0rc5 and mmtrack 1.0.0rc1 all accept.
ACCEPTED_MMCV_VERSION = '2.0.0rc4'
#: Imported by mmtrack's and mmdet's modules for multi-object tracking, re-identification and
#: their evaluation; single-object tracking calls none of them.
UNUSED_PACKAGES = 'attributee', 'lap', 'motmetrics', 'seaborn', 'sklearn', 'tabulate', 'trackeval'
#: Importing it registers this project's components.
COMPONENTS = 'tlpg_mmtrack.components'

#: ``mmcv.ops`` too: it needs the stand-in for compiled operators.
_PREPARED = ('mmtrack', 'mmdet', 'mmcls', 'mmcv.ops')
_INSTALL = (
    'install the stack of requirements/ with `make setup`, or by hand: '
    'pip install -r requirements.txt && pip install --no-deps mmtrack==1.0.0rc1'
)


def install() -> None:
    """Have :func:`prepare` run when one of the OpenMMLab packages is first imported.

    Where that has happened, by somebody who patched them too, it runs now.
    """
    if 'mmtrack' in sys.modules:
        prepare()
    elif not any(isinstance(finder, _StackFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _StackFinder())


def prepare() -> None:
    """Import mmdet and mmtrack past their version checks, and apply every patch.

    mmtrack's registries then find this project's components, which are imported when a registry
    is first asked for anything. `mmtrack` becomes the default scope if none is set yet.

    Raises:
        PackageError: If a package is missing or does not fit, or mmcv's operators were compiled
            for another torch; the message says what to install.
    """
    check_releases()
    try:
        from .compiled_ops import give_mmtrack_prroi_pool, stand_in_for_compiled_ops

        stand_in_for_compiled_ops()
        with reported_mmcv_version(), stand_ins(UNUSED_PACKAGES):
            importlib.import_module('mmdet')
            from .later_mmdet import accepted_mmdet

            with accepted_mmdet():
                importlib.import_module('mmtrack')
                # Registering imports every module of both, past the checks as well.
                from mmengine import DefaultScope
                from mmtrack.utils import register_all_modules

                unset = DefaultScope.get_current_instance() is None
                register_all_modules(init_default_scope=unset)
    except ModuleNotFoundError as error:
        raise PackageError(f'tlpg_mmtrack cannot import mmtrack: {error}; {_INSTALL}') from error
    from .checkpoints import allow_mmengine_checkpoints
    from .launching import allow_distributed_on_cpu
    from .scalars import allow_one_element_arrays
    from .vot import stand_in_for_vot_toolkit

    allow_mmengine_checkpoints()
    allow_distributed_on_cpu()
    allow_one_element_arrays()
    give_mmtrack_prroi_pool()
    stand_in_for_vot_toolkit()
    _announce_components()


def _announce_components() -> None:
    """Have mmtrack's registries import this project's components before their first answer."""
    from mmengine.registry import Registry
    from mmtrack import registry

    for each in vars(registry).values():
        if isinstance(each, Registry) and each.scope == 'mmtrack':
            if COMPONENTS not in each._locations:
                each._locations.append(COMPONENTS)
            each._imported = False


class _StackFinder(MetaPathFinder, Loader):
    """Finds a package of OpenMMLab's by preparing the stack, once."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The package as this finder loads it; None for all other modules."""
        return ModuleSpec(name, self) if name in _PREPARED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The package, imported as it would be without this finder."""
        sys.meta_path.remove(self)
        try:
            prepare()
        except BaseException:
            # As after any failed import, the next one tries again.
            sys.meta_path.insert(0, self)
            raise
        module = importlib.import_module(spec.name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: it has run. Its spec, which the import system replaced, is put back."""
        module.__spec__ = self._spec


@contextmanager
def reported_mmcv_version() -> Iterator[None]:
    """Report another mmcv version inside the ``with`` block, the true one again after it.

    mmdet 3.0.0rc5 and mmcls 1.0.0rc6 (``mmcv < 2.1.0``) and mmtrack 1.0.0rc1 (``mmcv < 2.0.0``)
    assert on ``mmcv.__version__`` while they are imported. The mmcv they accept forces C++14,
    which torch >= 2.1 does not compile with; mmcv 2.1.0 compiles, and has all they import.
    """
    import mmcv

    true_version = mmcv.__version__
    mmcv.__version__ = ACCEPTED_MMCV_VERSION
    try:
        yield
    finally:
        mmcv.__version__ = true_version


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
    """Finds a module of stand-ins for every module of some packages."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._packages = packages
        self.made: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """A stand-in's spec; None for a module of any other package."""
        absent = name.partition('.')[0] in self._packages
        return ModuleSpec(name, self, is_package=True) if absent else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty stand-in."""
        self.made.append(spec.name)
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


class _AbsentModule(ModuleType):
    """Has every name: a class that cannot be instantiated."""

    def __getattr__(self, name: str) -> type:
        if name.startswith('__'):
            raise AttributeError(name)
        package = self.__name__.partition('.')[0]

        def refuse(*args: Any, **kwargs: Any) -> None:
            raise PackageError(
                f'{self.__name__}.{name} was called, and the package {package} is not installed: '
                f'pip install {package}; single-object tracking does without it'
            )

        return type(name, (), {'__new__': refuse})
