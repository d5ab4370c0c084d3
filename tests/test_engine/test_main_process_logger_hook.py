# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The file of a test's measures is written once, however many processes test."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from tlpg_mmtrack.engine import MainProcessLoggerHook

RUNTIME = Path(__file__).resolve().parents[2] / 'configs/_base_/default_runtime.py'


@pytest.mark.parametrize(('rank', 'written'), [(0, ['now.json']), (1, [])])
def test_main_process_alone_writes_the_measures(
    rank: int, written: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: rank)
    hook = MainProcessLoggerHook()
    hook.json_log_path = 'now.json'
    measures = {'sot/success': 77.5}
    runner = SimpleNamespace(
        log_dir=str(tmp_path),
        logger=logging.getLogger('test'),
        test_dataloader=[None],
        log_processor=SimpleNamespace(get_log_after_epoch=lambda *_, **__: (measures, 'a line')),
    )
    hook.after_test_epoch(runner, measures)
    assert [path.name for path in tmp_path.iterdir()] == written
    assert all(json.loads((tmp_path / name).read_text()) == measures for name in written)


def test_configs_log_with_it() -> None:
    hooks = Config.fromfile(RUNTIME).default_hooks
    assert hooks.logger.type == MainProcessLoggerHook.__name__
