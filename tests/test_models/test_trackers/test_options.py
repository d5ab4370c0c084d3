# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TrackingOptions: the paper's values, and what is refused."""

from __future__ import annotations

import re

import pytest

from tlpg_mmtrack.models.trackers import TrackingOptions


def test_defaults_are_the_paper_s():
    options = TrackingOptions()
    assert (options.first_iters, options.update_interval, options.memory_size) == (10, 25, 50)


def test_the_crop_must_fit_the_strides():
    with pytest.raises(
        ValueError, match='test_cfg: crop_size must be a positive multiple of 32, got 300'
    ):
        TrackingOptions(crop_size=300)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('memory_rate', 0.0),
        ('hard_negative_rate', 1.0),
        ('first_share', 1.5),
        ('merge_iou', 2.0),
        ('memory_size', 0),
        ('update_interval', 0),
        ('search_scale', 0),
        ('box_rate', -1.0),
        ('size_penalty', -0.1),
        ('trusted_iou', (0.8, 0.5)),
    ],
)
def test_a_value_out_of_range_is_named(name, value):
    with pytest.raises(
        ValueError, match=f'test_cfg: {name} must .* got .*{re.escape(str(value))}'
    ):
        TrackingOptions(**{name: value})
