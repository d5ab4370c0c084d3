# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the order of numbered files."""

from __future__ import annotations

from tlpg_mmtrack.utils.natural_order import natural_key


def test_numbers_count_by_their_value_wherever_they_stand() -> None:
    names = ['b1.jpg', 'a10_2.jpg', 'a2_10.jpg', 'a2_9.jpg', '10.jpg', '2.jpg']
    expected = ['2.jpg', '10.jpg', 'a2_9.jpg', 'a2_10.jpg', 'a10_2.jpg', 'b1.jpg']
    assert sorted(names, key=natural_key) == expected


def test_capitals_do_not_matter_until_all_else_is_equal() -> None:
    names = ['b1.jpg', 'img_2.jpg', 'IMG_3.jpg', 'IMG_1.jpg', 'img_1.jpg', 'a01.jpg', 'a1.jpg']
    expected = ['a01.jpg', 'a1.jpg', 'b1.jpg', 'IMG_1.jpg', 'img_1.jpg', 'img_2.jpg', 'IMG_3.jpg']
    assert sorted(names, key=natural_key) == sorted(names[::-1], key=natural_key) == expected


def test_digits_that_are_no_decimal_number_are_letters() -> None:
    assert sorted(['x\u00b2.jpg', 'x3.jpg'], key=natural_key) == ['x3.jpg', 'x\u00b2.jpg']
