# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""docs/components.md names every component and every config of a mixture."""

from __future__ import annotations

import re
from pathlib import Path

from mmtrack.registry import MODELS

import tlpg_mmtrack.components  # noqa: F401

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / 'docs' / 'components.md').read_text(encoding='utf-8')


def test_every_component_is_named() -> None:
    ours = {
        name
        for name, component in MODELS.module_dict.items()
        if component.__module__.startswith('tlpg_mmtrack.')
    }
    table = PAGE[: PAGE.index('## Which goes where')]
    assert ours <= set(re.findall(r'`(\w+)`', table))


def test_the_table_names_every_config() -> None:
    listed = set(re.findall(r'`([\w-]+\.py)` \|$', PAGE, flags=re.MULTILINE))
    there = {path.name for path in (REPOSITORY / 'configs' / 'mix').glob('*.py')}
    # The repaired PrDiMP itself is no mixture; the section on it names it.
    assert there - listed == {'prdimp_r50.py'}
    assert 'configs/mix/prdimp_r50.py' in PAGE
