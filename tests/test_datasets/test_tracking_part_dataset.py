# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the parts of still images' objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpg_mmtrack.datasets import TrackingImageDataset, TrackingPartDataset


def options(folder: Path) -> dict[str, Any]:
    """What names the files of a folder of stills."""
    return dict(
        data_root=str(folder),
        ann_file='annotations.json',
        data_prefix=dict(img_path='images'),
        pipeline=[],
    )


def boxes_of(dataset: TrackingImageDataset) -> np.ndarray:
    """(N, 4), (x1, y1, x2, y2) of every item."""
    return np.concatenate([dataset.get_sequence(i)['bboxes'] for i in range(len(dataset))])


def test_each_part_lies_in_its_object_and_has_the_given_size(stills: Path) -> None:
    whole = boxes_of(TrackingImageDataset(**options(stills)))
    parts = boxes_of(TrackingPartDataset(part_scale=(0.4, 0.6), **options(stills)))
    assert len(parts) == len(whole)
    assert (parts[:, :2] >= whole[:, :2]).all() and (parts[:, 2:] <= whole[:, 2:]).all()
    share = (parts[:, 2:] - parts[:, :2]) / (whole[:, 2:] - whole[:, :2])
    assert ((share >= 0.4) & (share <= 0.6)).all()


def test_the_seed_chooses_the_parts(stills: Path) -> None:
    first, again, other = (
        boxes_of(TrackingPartDataset(seed=seed, **options(stills))) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_part_has_no_outline_and_is_never_pasted(stills: Path) -> None:
    dataset = TrackingPartDataset(max_cover=1.0, **options(stills))
    for index in range(len(dataset)):
        sequence = dataset.get_sequence(index)
        assert sequence['outlines'] == [[]]
        assert not sequence['paste_only']
        assert dataset.get_peer(index, np.random.default_rng(0)) is None


def test_parts_too_small_or_too_large_are_left_out(stills: Path) -> None:
    # Objects measure 73 pixels where the image's long side is 480.
    everything = len(TrackingPartDataset(**options(stills)))
    assert 0 < len(TrackingPartDataset(min_size=42.0, **options(stills))) < everything
    with pytest.raises(ValueError, match=r'no part is large enough .*min_size=70'):
        TrackingPartDataset(min_size=70.0, **options(stills))
    # The whole object would cover 0.03 of its image.
    assert 0 < len(TrackingPartDataset(max_cover=0.01, **options(stills))) < everything


@pytest.mark.parametrize('scale', [(0.0, 0.5), (0.6, 0.5), (0.5, 1.1)])
def test_an_impossible_part_scale_is_refused(stills: Path, scale: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match='part_scale: must be'):
        TrackingPartDataset(part_scale=scale, **options(stills))
