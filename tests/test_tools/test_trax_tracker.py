# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The command line of tools/trax_tracker.py; a session is tested with its module."""

from __future__ import annotations

import pytest
from fake_model import FakeModel
from written_runs import load_tool

from tlpg_mmtrack.apis.tracker import Tracker

pytest.importorskip('trax', reason='TraX is not installed (pip install vot-trax)')


def test_a_missing_checkpoint_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ['--checkpoint', 'missing.pth', '--device', 'cpu']
    assert load_tool('trax_tracker').main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: checkpoint: missing.pth is not a file; check the path')


def test_shipped_weights_have_their_address_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from tlpg_mmtrack.apis import trax_session

    asked = []

    def from_pretrained(*arguments: object) -> Tracker:
        asked.append(arguments)
        return Tracker(FakeModel(), 'cpu')

    monkeypatch.setattr(Tracker, 'from_pretrained', from_pretrained)
    monkeypatch.setattr(trax_session, 'serve', lambda tracker: None)
    assert load_tool('trax_tracker').main(['--checkpoint', 'tlpg://a', '--device', 'cpu']) == 0
    assert asked == [(None, 'tlpg://a', 'cpu', 0)]
