# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests that the configs printed in docs/custom_data.md work as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmtrack.registry import DATASETS
from synthetic_corpus import write_stills, write_video

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / 'docs' / 'custom_data.md').read_text(encoding='utf-8')
EXAMPLES = re.findall(r'```python\n(.*?)```', PAGE, flags=re.DOTALL)


@pytest.mark.parametrize('example', EXAMPLES)
def test_an_example_makes_samples(example, tmp_path, monkeypatch):
    write_video(tmp_path / 'data' / 'mine' / 'first_clip')
    write_video(tmp_path / 'data' / 'mine' / 'test_clip')
    write_stills(tmp_path / 'data' / 'my_images')
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text(
        example.replace(
            "_base_ = './", f"_base_ = '{(REPOSITORY / 'configs' / 'tlpg').as_posix()}/"
        )
    )
    config = Config.fromfile(tmp_path / 'config.py')
    sample = DATASETS.build(config.train_dataloader.dataset)[0]
    assert sample['inputs']['img'].shape == (3, 3, 288, 288)
    assert sample['inputs']['search_img'].shape == (1, 3, 288, 288)


def test_the_page_has_an_example_for_videos_and_stills() -> None:
    assert len(EXAMPLES) == 2
    assert len(EXAMPLES[0].splitlines()) <= 10
