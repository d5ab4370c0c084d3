# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmengine lays a config's text out once, however often it asks for it."""

from __future__ import annotations

import pytest
from mmengine.config import Config, config

from tlpg_mmtrack.compat.patches import lay_out_configs_once


def test_a_text_is_laid_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []

    def lay_out(text: str, **style: object) -> tuple[str, bool]:
        texts.append(text)
        return f'layout {len(texts)}', True

    monkeypatch.setattr(config, 'FormatCode', lay_out)
    lay_out_configs_once()
    first, second = Config(dict(a=1)), Config(dict(a=2))
    laid_out = [each.pretty_text for each in (first, first, second, second)]
    assert laid_out == ['layout 1', 'layout 1', 'layout 2', 'layout 2']
    first.a = 3
    assert first.pretty_text == 'layout 3'
