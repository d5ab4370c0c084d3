# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of colour tables."""

from __future__ import annotations

import numpy as np

from tlpg_mmtrack.datasets.colour import random_table


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
