# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of mmtrack on later releases of mmdet; they pass with every release of mmdet."""

from __future__ import annotations

import mmdet
import pytest
from mmdet.models import layers
from mmtrack.registry import MODELS
from small_baselines import STARK_RUNS

from tlpg_mmtrack.compat.stack import accepted_mmdet
from tlpg_mmtrack.utils.errors import PackageError


def test_mmtrack_finds_what_later_releases_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmdet, '__version__', '3.3.0')
    monkeypatch.delattr(layers, 'Transformer', raising=False)
    with accepted_mmdet():
        assert mmdet.__version__ == '3.0.0rc6'
        stark = type('StarkTransformer', (layers.Transformer,), {})
    assert mmdet.__version__ == '3.3.0'
    assert not hasattr(layers, 'Transformer')
    with pytest.raises(PackageError, match=r'mmdet 3\.3\.0 lacks: pip install mmdet==3\.0\.0rc5'):
        stark(encoder=None)


@pytest.mark.skipif(STARK_RUNS, reason='this mmdet has what STARK needs')
def test_stark_says_what_it_needs() -> None:
    with pytest.raises(PackageError, match=r'STARK needs mmdet\.models\.layers\.Transformer'):
        MODELS.build(dict(type='StarkTransformer', encoder={}, decoder={}))
