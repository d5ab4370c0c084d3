# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A file is complete, or as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tlpg_mmtrack.utils.atomic_write import atomic_write, write_text
from tlpg_mmtrack.utils.errors import InputError


def test_the_name_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    with atomic_write(path) as part:
        part.write_text('first')
        assert not path.exists()
        # A killed process leaves it; folders are read by kind.
        assert not list(tmp_path.glob('*.json'))
    assert path.read_text() == 'first'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_the_old_file_stays_when_the_block_raises(tmp_path, error):
    path = tmp_path / 'a.json'
    path.write_text('first')
    with pytest.raises(error), atomic_write(path) as part:
        part.write_text('sec')
        raise error
    assert path.read_text() == 'first'
    assert list(tmp_path.iterdir()) == [path]


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    for text in ('first', 'second'):
        write_text(path, text)
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / 'a.json'
    write_text(path, 'first')

    def full_disk(handle: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full_disk)
    with pytest.raises(InputError, match=r'a\.json cannot be written \(No space left on device\)'):
        write_text(path, 'second')
    assert path.read_text() == 'first'


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'nowhere/a\.json cannot be written'):
        write_text(tmp_path / 'nowhere' / 'a.json', 'text')
