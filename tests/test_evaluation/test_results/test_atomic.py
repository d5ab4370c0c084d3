# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Files are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tlpg_mmtrack.utils.atomic_write import write_text
from tlpg_mmtrack.utils.errors import InputError


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    for text in ('first', 'second'):
        write_text(path, text)
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'a.json'
    write_text(path, 'first')

    def full_disk(handle: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full_disk)
    with pytest.raises(InputError, match=r'a\.json cannot be written \(No space left on device\)'):
        write_text(path, 'second')
    assert path.read_text() == 'first'


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'nowhere/a\.json cannot be written'):
        write_text(tmp_path / 'nowhere' / 'a.json', 'text')
