# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""TrackingOptions: the paper's values, and what is refused."""

from __future__ import annotations

import pytest

from tlpg_mmtrack.models.trackers import TrackingOptions


def test_defaults_are_the_paper_s():
    options = TrackingOptions()
    assert (options.first_iters, options.update_interval, options.memory_size) == (10, 25, 50)


def test_an_unknown_postprocess_is_named():
    with pytest.raises(ValueError, match=r"test_cfg: postprocess must be .* got 'soft'"):
        TrackingOptions(postprocess='soft')


def test_the_crop_must_fit_the_strides():
    with pytest.raises(ValueError, match='test_cfg: crop_size must be a multiple of 32, got 300'):
        TrackingOptions(crop_size=300)
