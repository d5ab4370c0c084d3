# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of :mod:`tlpg_mmtrack.compat.stack`: the stack imports in every order."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import mmcv
import pytest

import tlpg_mmtrack
from tlpg_mmtrack.compat import stack
from tlpg_mmtrack.compat.stand_ins import stand_ins

REPOSITORY = Path(__file__).resolve().parents[2]


SCRIPTS = {
    'mmdet first': """
import importlib.util
try:
    import mmdet
except AssertionError as error:
    print('is used but incompatible' in str(error))
else:
    print(mmdet.__version__ >= '3.1')
import mmcv; before = mmcv.__version__
import tlpg_mmtrack, mmdet, mmtrack
print(mmcv.__version__ == before)
print(importlib.util.find_spec('mmdet').origin == mmdet.__file__)
from mmtrack.registry import MODELS
print(MODELS.get('PrDiMP').__name__, MODELS.get('DCCHead').__name__)
""",
    'a component first': """
import tlpg_mmtrack.models.heads.dcc_head
from mmengine.registry import MODELS
print(MODELS.get('mmtrack.TLPG').__name__)
""",
    'the tracker alone': """
import sys
sys.modules['av'] = None  # Only to read files is it needed.
from tlpg_mmtrack import Tracker
print([name for name in ('torch', 'mmengine', 'mmtrack') if name in sys.modules])
""",
}


@pytest.fixture(scope='module')
def printed() -> dict[str, str]:
    """What each script prints in a fresh interpreter that finds this repository."""
    environment = {**os.environ, 'PYTHONPATH': str(REPOSITORY)}
    started = {
        name: subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', script],
            env=environment,
            stdout=subprocess.PIPE,
            # torch warns there.
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name, script in SCRIPTS.items()
    }
    return {name: process.communicate()[0] for name, process in started.items()}


class TestInstall:
    """``import tlpg_mmtrack`` prepares the stack for whoever imports it next."""

    @pytest.mark.parametrize(
        ('name', 'expected'),
        [
            ('mmdet first', 'True\nTrue\nTrue\nPrDiMP DCCHead\n'),
            ('a component first', 'TLPG\n'),
            # It imports nothing else.
            ('the tracker alone', '[]\n'),
        ],
    )
    def test_in_every_order(self, name: str, expected: str, printed: dict[str, str]) -> None:
        assert printed[name] == expected

    def test_preparing_again_changes_nothing(self) -> None:
        extension, finders = sys.modules['mmcv._ext'], list(sys.meta_path)
        stack.prepare()
        assert sys.modules['mmcv._ext'] is extension
        assert sys.meta_path == finders

    def test_missing_mmtrack_is_explained(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, 'mmtrack', None)
        with pytest.raises(ImportError, match=r'pip install --no-deps mmtrack==1\.0\.0rc1'):
            stack.prepare()

    def test_unknown_attribute(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'Trackr'"):
            tlpg_mmtrack.Trackr  # noqa: B018


class TestReportedVersion:
    """The mmcv version is another one inside the block only."""

    def test_restored_after_an_error(self) -> None:
        true_version = mmcv.__version__
        with pytest.raises(KeyError), stack.reported_mmcv_version():
            assert mmcv.__version__ == '2.0.0rc4' != true_version
            raise KeyError
        assert mmcv.__version__ == true_version


class TestStandIns:
    """Absent packages can be imported inside the block only, and never called."""

    def test_absent_package(self) -> None:
        with stand_ins(('no_such_package',)):
            from no_such_package.part import Thing

            importlib.import_module('no_such_package.other')
        with pytest.raises(ImportError, match=r'no_such_package\.part\.Thing was called'):
            Thing(1, key=2)
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module('no_such_package')

    def test_installed_package(self) -> None:
        with stand_ins(('colorsys',)):
            sys.modules.pop('colorsys', None)
            import colorsys
        assert colorsys.rgb_to_hsv(0, 0, 1) == (2 / 3, 1, 1)
        assert 'colorsys' in sys.modules
