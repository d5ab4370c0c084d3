# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The examples in the package's docstrings run, and give what stands below them."""

from __future__ import annotations

import doctest
import importlib
from itertools import islice
from pathlib import Path

import pytest
import torch
from fake_model import FakeModel
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip

import tlpg_mmtrack
from tlpg_mmtrack.utils.frames import open_source

PACKAGE = Path(tlpg_mmtrack.__file__).parent
#: They start processes, or need a data set.
LEFT_OUT = 'tlpg_mmtrack.apis.batch', 'tlpg_mmtrack.apis.got10k_tracker'
MODULES = [
    '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts).removesuffix('.__init__')
    for path in sorted(PACKAGE.rglob('*.py'))
    if '>>> ' in path.read_text(encoding='utf-8')
]


class Checker(doctest.OutputChecker):
    """Compares where an example says what comes out."""

    def check_output(self, want: str, got: str, flags: int) -> bool:
        return not want or super().check_output(want, got, flags)


@pytest.mark.parametrize('name', sorted({*MODULES} - {*LEFT_OUT}))
def test_examples_run(name, tmp_path, monkeypatch):
    first, second = frames = [frame for _, frame in islice(open_source(demo_clip()), 2)]
    scope = dict(torch=torch, frames=frames, frame=first, next_frame=second, box=DEMO_BOX)
    tracker = tlpg_mmtrack.Tracker
    monkeypatch.setattr(tracker, 'from_pretrained', lambda: tracker(FakeModel(), 'cpu'))
    (tmp_path / 'outputs/demo').mkdir(parents=True)
    (tmp_path / 'outputs/demo/boxes.csv').write_text('frame,x,y,w,h\n0,62,36,53,65\n')
    (tmp_path / 'clip.mp4').symlink_to(demo_clip())
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(Checker(), optionflags=doctest.ELLIPSIS)
    for example in doctest.DocTestFinder().find(importlib.import_module(name), extraglobs=scope):
        runner.run(example)
    assert runner.summarize().attempted
    assert not runner.failures
