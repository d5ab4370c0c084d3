# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Importing mmcv, mmdet, mmcls and mmtrack together, when the first of them is asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any
from unittest.mock import patch

from ..utils.errors import PackageError
from .releases import check_releases
from .stand_ins import StandIn, stand_ins

#: A release of mmcv that mmcls 1.0.0rc6, mmdet 3.0.0rc5 and mmtrack 1.0.0rc1 all accept.
ACCEPTED_MMCV_VERSION = '2.0.0rc4'
ACCEPTED_MMDET_VERSION = '3.0.0rc6'  #: A release of mmdet that mmtrack 1.0.0rc1 accepts.
#: Imported by mmtrack's and mmdet's modules for multi-object tracking, re-identification and
#: their evaluation; single-object tracking calls none of them.
UNUSED_PACKAGES = 'attributee', 'lap', 'motmetrics', 'seaborn', 'sklearn', 'tabulate', 'trackeval'
COMPONENTS = 'tlpg_mmtrack.components'  #: Importing it registers this project's components.

#: ``mmcv.ops`` too: it needs the stand-in for compiled operators.
_PREPARED = ('mmtrack', 'mmdet', 'mmcls', 'mmcv.ops')


def install() -> None:
    """Have :func:`prepare` run when one of the OpenMMLab packages is first imported.

    Where that has happened, by somebody who patched them too, it runs now.
    """
    if 'mmtrack' in sys.modules:
        prepare()
    else:
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
        _import_packages()
    except ModuleNotFoundError as error:
        raise PackageError(
            f'tlpg_mmtrack cannot import mmtrack: {error}; install the stack of requirements/ '
            'with `make setup`, or by hand: pip install -r requirements.txt && pip install '
            '--no-deps mmtrack==1.0.0rc1'
        ) from error
    from . import patches
    from .checkpoints import allow_mmengine_checkpoints
    from .compiled_ops import give_mmtrack_prroi_pool
    from .vot import stand_in_for_vot_toolkit

    allow_mmengine_checkpoints()
    patches.allow_distributed_on_cpu()
    patches.allow_one_element_arrays()
    patches.lay_out_configs_once()
    give_mmtrack_prroi_pool()
    stand_in_for_vot_toolkit()
    _announce_components()


def _import_packages() -> None:
    from .compiled_ops import stand_in_for_compiled_ops

    stand_in_for_compiled_ops()
    with reported_mmcv_version(), stand_ins(UNUSED_PACKAGES):
        importlib.import_module('mmdet')
        with accepted_mmdet():
            importlib.import_module('mmtrack')
            # Registering imports every module of both, past the checks as well.
            from mmengine import DefaultScope
            from mmtrack.utils import register_all_modules

            unset = DefaultScope.get_current_instance() is None
            register_all_modules(init_default_scope=unset)


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


def reported_mmcv_version() -> AbstractContextManager[object]:
    """Report another mmcv version inside a ``with`` block.

    mmdet 3.0.0rc5 and mmcls 1.0.0rc6 (``mmcv < 2.1.0``) and mmtrack 1.0.0rc1 (``mmcv < 2.0.0``)
    assert on ``mmcv.__version__`` while they are imported. The mmcv they accept forces C++14,
    which torch >= 2.1 does not compile with; mmcv 2.1.0 compiles, and has all they import.
    """
    import mmcv

    return patch.object(mmcv, '__version__', ACCEPTED_MMCV_VERSION)


@contextmanager
def accepted_mmdet() -> Iterator[None]:
    """Let mmtrack be imported with mmdet 3.0.0 or later inside the ``with`` block.

    mmtrack asserts ``mmdet < 3.0.0``, and its STARK derives from a class that mmdet 3.0.0rc6
    removed, ``mmdet.models.layers.Transformer``: building one then raises PackageError. All else
    that mmtrack imports is in mmdet 3.3.
    """
    import mmdet
    from mmdet.models import layers

    version = mmdet.__version__
    absent = StandIn(
        'mmdet.models.layers',
        lambda name: PackageError(
            f'STARK needs mmdet.models.layers.{name}, which mmdet {version} lacks: pip install '
            'mmdet==3.0.0rc5, in an environment of its own where other projects need a later one'
        ),
    )
    transformer = getattr(layers, 'Transformer', absent.Transformer)
    with (
        patch.object(mmdet, '__version__', ACCEPTED_MMDET_VERSION),
        patch.object(layers, 'Transformer', transformer, create=True),
    ):
        yield
