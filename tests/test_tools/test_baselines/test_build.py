# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Trackers by what the command line calls them."""

from __future__ import annotations

import pytest
from baselines.build import build_tracker


def test_known_names() -> None:
    assert build_tracker('mil').name == 'mil'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('dimp', 'must be one of .* or NAME=CONFIG:CHECKPOINT'),
        ('dimp=a.py', 'must have the form NAME=CONFIG:CHECKPOINT; nothing is downloaded'),
        ('dimp=mmtrack::sot/a.py', 'must have the form'),
        ('dimp=a.py:', 'for random weights, to try a config, pass NAME=CONFIG:untrained'),
        ('../a=a.py:b.pth', 'must have the form'),
        ('=a.py:b.pth', 'must have the form'),
        ('.=a.py:b.pth', 'must have the form'),
        ('..=a.py:b.pth', 'must have the form'),
    ],
)
def test_others_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_tracker(text)


def test_missing_files_are_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"tracker 'dimp': none\.py is not a file"):
        build_tracker('dimp=none.py:none.pth')
    with pytest.raises(FileNotFoundError, match=r'\.mim/configs/sot/none\.py is not a file'):
        build_tracker('dimp=mmtrack::sot/none.py:untrained')
