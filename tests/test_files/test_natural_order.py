# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the order of numbered files."""

from __future__ import annotations

from tlpg_mmtrack.files.natural_order import natural_key


def test_numbers_count_by_their_value_wherever_they_stand() -> None:
    names = ['b1.jpg', 'a10_2.jpg', 'a2_10.jpg', 'a2_9.jpg', '10.jpg', '2.jpg']
    expected = ['2.jpg', '10.jpg', 'a2_9.jpg', 'a2_10.jpg', 'a10_2.jpg', 'b1.jpg']
    assert sorted(names, key=natural_key) == expected


def test_digits_that_are_no_decimal_number_are_letters() -> None:
    assert natural_key('x\u00b2.jpg') == [(-1, 'x\u00b2.jpg')]
