# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A file is there whole, or as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlpg_mmtrack.utils.atomic_write import atomic_write


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
def test_the_old_file_stays_when_the_block_raises(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / 'a.json'
    path.write_text('first')
    with pytest.raises(error), atomic_write(path) as part:
        part.write_text('sec')
        raise error
    assert path.read_text() == 'first'
    assert list(tmp_path.iterdir()) == [path]
