# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""docs/components.md: its examples run, and no component is left out."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
import torch
from mmtrack.registry import MODELS

import tlpg_mmtrack.components  # noqa: F401

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / 'docs' / 'components.md').read_text(encoding='utf-8')
SECTIONS = dict(re.findall(r'^### ([\w, ]+)\n(.*?)(?=^##)', PAGE, flags=re.DOTALL | re.MULTILINE))
FINDER = doctest.DocTestParser()


def test_every_component_has_a_section() -> None:
    ours = {
        name
        for name, component in MODELS.module_dict.items()
        if component.__module__.startswith('tlpg_mmtrack.')
    }
    # The exported network has a page of its own, docs/export.md.
    named = {name for heading in SECTIONS for name in heading.split(', ')}
    assert named == ours - {'OnnxTLPG'}


@pytest.mark.parametrize('name', SECTIONS)
@pytest.mark.filterwarnings('ignore:Unnecessary conv bias')
def test_example(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    blocks = re.findall(r'```python\n(.*?)```', SECTIONS[name], flags=re.DOTALL)
    assert len(blocks) == 1
    example = FINDER.get_doctest(blocks[0], {}, name, 'docs/components.md', 0)
    report: list[str] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        results = doctest.DocTestRunner().run(example, out=report.append)
    assert results.attempted >= 4
    assert results.failed == 0, ''.join(report)


def test_the_table_names_every_config() -> None:
    listed = set(re.findall(r'`([\w-]+\.py)` \|$', PAGE, flags=re.MULTILINE))
    there = {path.name for path in (REPOSITORY / 'configs' / 'mix').glob('*.py')}
    # The repaired PrDiMP itself is no mixture; the section on it names it.
    assert there - listed == {'prdimp_r50.py'}
    assert 'configs/mix/prdimp_r50.py' in PAGE
