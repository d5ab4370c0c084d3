# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Releases of other packages that do not fit are named before they are imported."""

from __future__ import annotations

from importlib import metadata

import pytest
from tlpg_tools.command_line import command

from tlpg_mmtrack.compat import stack
from tlpg_mmtrack.compat.releases import NEEDED, check_releases
from tlpg_mmtrack.utils.errors import InputError, PackageError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What pip is to have installed; the releases of requirements/ to begin with."""
    versions = {
        'mmengine': '0.10.7',
        'mmcv-lite': '2.1.0',
        'mmcls': '1.0.0rc6',
        'mmdet': '3.0.0rc5',
        'mmtrack': '1.0.0rc1',
    }

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, 'version', version)
    return versions


@pytest.mark.parametrize('mmdet', ['3.0.0rc5', '3.0.0', '3.3.0'])
def test_these_releases_fit(mmdet: str, installed: dict[str, str]) -> None:
    installed['mmdet'] = mmdet
    check_releases()


@pytest.mark.parametrize(
    ('name', 'release', 'command'),
    [
        ('mmdet', '3.4.0', 'pip install mmdet==3.3.0'),
        ('mmdet', '2.28.2', 'pip install mmdet==3.3.0'),
        ('mmcv', '2.2.0', 'pip install mmcv-lite==2.1.0'),
        ('mmcv-full', '1.7.2', 'pip uninstall -y mmcv mmcv-lite mmcv-full && pip install'),
        ('mmengine', '1.0.0', 'pip install mmengine==0.10.7'),
        ('mmcls', '0.25.0', 'pip install mmcls==1.0.0rc6'),
        ('mmtrack', '0.14.0', 'pip install --no-deps mmtrack==1.0.0rc1'),
    ],
)
def test_another_release_is_named_with_what_to_install(name, release, command, installed):
    installed[name] = release
    with pytest.raises(PackageError) as caught:
        check_releases()
    assert isinstance(caught.value, InputError)
    message = str(caught.value)
    package = 'mmcv' if name.startswith('mmcv') else name
    assert f'needs {package}{NEEDED[package].releases} (installed: {release}): ' in message
    assert command in message
    assert '\n' not in message


def test_a_missing_package_is_named(installed, monkeypatch):
    del installed['mmtrack']
    check_releases()  # There, but unknown to pip.
    monkeypatch.setattr('tlpg_mmtrack.compat.releases.find_spec', lambda name: None)
    with pytest.raises(PackageError, match=r'needs mmtrack==1\.0\.0rc1 \(not installed\): pip'):
        check_releases()


def test_a_command_says_so_in_one_line(tmp_path, monkeypatch, capsys):
    """Before mmdet, whose own answer is an AssertionError with advice that does not help."""
    fake = tmp_path / 'mmdet-3.4.0.dist-info'
    fake.mkdir()
    (fake / 'METADATA').write_text('Metadata-Version: 2.1\nName: mmdet\nVersion: 3.4.0\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert command()(stack.prepare)() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: tlpg_mmtrack needs mmdet')
    assert '(installed: 3.4.0): pip install mmdet==3.3.0' in line
