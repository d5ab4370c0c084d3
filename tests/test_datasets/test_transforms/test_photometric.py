# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of light, colour and camera faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tlpg_mmtrack.datasets import TrackingPhotometric
from tlpg_mmtrack.datasets.transforms.photometric import motion_kernel, random_table

OPTIONS = (
    'shared_colour',
    'frame_colour',
    'grey_prob',
    'blur_prob',
    'jpeg_prob',
    'noise_prob',
)


def apply(seed: int = 0, size: int = 64, **options: Any) -> np.ndarray:
    """Two equal crops after the transform, (2, size, size, 3)."""
    crop = np.random.default_rng(9).integers(40, 200, (size, size, 3), dtype=np.uint8)
    results = dict(img=[crop, crop.copy()], rng=np.random.default_rng(seed))
    transform = TrackingPhotometric(**(dict.fromkeys(OPTIONS, 0.0) | options))
    return np.array(transform.transform(results)['img'])


def test_with_all_strengths_zero_nothing_changes() -> None:
    crop = np.random.default_rng(9).integers(40, 200, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(apply(), [crop, crop])


@pytest.mark.parametrize('option', OPTIONS)
def test_each_option_changes_the_crops_and_keeps_their_form(option: str) -> None:
    changed = apply(**{option: 1.0})
    assert changed.shape == (2, 64, 64, 3)
    assert changed.dtype == np.uint8
    assert (changed != apply()).any()


def test_the_shared_change_is_shared_and_the_frames_own_is_not() -> None:
    shared = apply(shared_colour=0.5)
    np.testing.assert_array_equal(shared[0], shared[1])
    own = apply(frame_colour=0.5)
    assert (own[0] != own[1]).any()


def test_grey_has_equal_channels() -> None:
    grey = apply(grey_prob=1.0)
    assert (np.ptp(grey.astype(int), axis=-1) == 0).all()


def test_blur_smooths_and_keeps_the_mean() -> None:
    for seed in range(4):
        blurred, sharp = apply(seed, blur_prob=1.0), apply()
        assert (
            np.abs(np.diff(blurred.astype(int), axis=2)).mean()
            < np.abs(np.diff(sharp.astype(int), axis=2)).mean()
        )
        assert abs(blurred.mean() - sharp.mean()) < 2.0


def test_noise_reaches_crops_larger_than_its_store() -> None:
    assert apply(size=640, noise_prob=1.0).shape == (2, 640, 640, 3)


def test_the_seed_decides() -> None:
    options = dict(shared_colour=0.3, frame_colour=0.2, noise_prob=0.5, blur_prob=0.5)
    np.testing.assert_array_equal(apply(4, **options), apply(4, **options))
    assert (apply(4, **options) != apply(5, **options)).any()


def test_strength_zero_changes_nothing() -> None:
    table = random_table(np.random.default_rng(0), 0.0)
    expected = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 1, 3))
    np.testing.assert_array_equal(table, expected)


def test_tables_differ_by_seed_only_and_keep_the_order_of_levels() -> None:
    first, again, other = (random_table(np.random.default_rng(s), 0.3) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (np.diff(first.astype(int), axis=0) >= 0).all()
    assert first.dtype == np.uint8


@pytest.mark.parametrize('degrees', [0.0, 37.0, 90.0])
def test_a_motion_kernel_keeps_brightness(degrees: float) -> None:
    kernel = motion_kernel(9, degrees)
    assert kernel.shape == (9, 9)
    assert kernel.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
