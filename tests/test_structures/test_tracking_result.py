# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What a tracker reports."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from tlpg_mmtrack.structures import TrackingResult, TrackingState


def test_states_are_written_as_the_documented_words():
    words = [state.value for state in TrackingState]
    assert words == ['normal', 'hard_negative', 'uncertain', 'not_found']
    assert TrackingState('not_found') is TrackingState.NOT_FOUND


def test_a_result_cannot_be_changed():
    result = TrackingResult(np.array([1.0, 2.0, 3.0, 4.0]), 0.5, TrackingState.NORMAL)
    with pytest.raises(FrozenInstanceError):
        result.score = 1.0
