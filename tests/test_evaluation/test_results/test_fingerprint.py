# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A fingerprint is the same for a copy of the data, and another once they have changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tlpg_mmtrack.evaluation.results import data_fingerprint


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Three files of five bytes."""
    (tmp_path / 'img').mkdir()
    paths = [tmp_path / 'img' / f'{index}.jpg' for index in range(3)]
    for path in paths:
        path.write_bytes(b'frame')
    return paths


def test_a_copy_of_another_time_has_the_same(images: list[Path], tmp_path: Path) -> None:
    shutil.copytree(tmp_path / 'img', tmp_path / 'copy')
    copies = [str(tmp_path / 'copy' / path.name) for path in images]
    os.utime(copies[1], (0, 0))
    assert data_fingerprint(copies) == data_fingerprint(images)


@pytest.mark.parametrize(
    'change',
    [
        lambda images: images[0].write_bytes(b'other'),
        lambda images: images[2].write_bytes(b'longer'),
        lambda images: images[2].unlink(),
        lambda images: images.pop(),
        lambda images: images.reverse(),
    ],
    ids=['first content', 'size', 'missing', 'fewer', 'order'],
)
def test_changed_frames_have_another(
    change: Callable[[list[Path]], object], images: list[Path]
) -> None:
    before = data_fingerprint(images)
    change(images)
    assert data_fingerprint(images) not in (None, before)


def test_of_a_long_video_few_files_are_looked_at(
    images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network disk each takes its time; all of LaSOT's took minutes."""
    stat, looked_at = Path.stat, []

    def count(path: Path, **options: bool) -> os.stat_result:
        looked_at.append(path.name)
        return stat(path, **options)

    monkeypatch.setattr(Path, 'stat', count)
    names = [images[0], *(images[0].with_name(f'{index}.jpg') for index in range(10, 3010))]
    before = data_fingerprint(names)
    assert before is not None
    assert len(looked_at) == 16
    names[1500] = names[1500].with_name('other.jpg')
    assert data_fingerprint(names) != before


def test_changed_annotations_have_another(images: list[Path]) -> None:
    boxes = np.array([[1.0, 2.0, 3.0, np.nan]])
    before = data_fingerprint(images, (boxes,))
    assert data_fingerprint(images, (boxes.copy(),)) == before
    assert data_fingerprint(images, (boxes + 1,)) != before
    assert data_fingerprint(images, (boxes.reshape(2, 2),)) != before
    assert data_fingerprint(images) != before


def test_data_that_were_removed_have_none(images: list[Path]) -> None:
    images[0].unlink()
    assert data_fingerprint(images) is None
