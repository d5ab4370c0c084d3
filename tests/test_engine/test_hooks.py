# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""When Ctrl-C takes effect (tests/test_tools has a whole training interrupted); a test's log."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmtrack.registry import HOOKS

from tlpg_mmtrack.engine import InterruptHook, MainProcessLoggerHook

RUNTIME = Path(__file__).resolve().parents[2] / 'configs/_base_/default_runtime.py'


@pytest.fixture(autouse=True)
def _default_handler() -> Iterator[None]:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def runner(tmp_path: Path) -> SimpleNamespace:
    """What the hook reads of a runner."""
    return SimpleNamespace(work_dir=str(tmp_path), iter=4)


def _ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_configs_have_it():
    hooks = Config.fromfile(RUNTIME).custom_hooks
    assert [isinstance(HOOKS.build(hook), InterruptHook) for hook in hooks].count(True) == 1


def test_ctrl_c_waits_for_the_end_of_the_iteration(runner):
    hook = InterruptHook()
    hook.before_train(runner)
    hook.after_train_iter(runner, 0)
    _ctrl_c()
    (Path(runner.work_dir) / 'last_checkpoint').write_text('there/epoch_2.pth')
    message = 'interrupted after iteration 5; add --resume to go on from there/epoch_2.pth'
    with pytest.raises(KeyboardInterrupt, match=message):
        hook.after_train_iter(runner, 1)


def test_it_stops_validation_too(runner):
    hook = InterruptHook()
    hook.before_train(runner)
    _ctrl_c()
    with pytest.raises(KeyboardInterrupt, match='no checkpoint was written yet'):
        hook.after_val_iter(runner, 0)


def test_a_second_ctrl_c_does_not_wait(runner):
    InterruptHook().before_train(runner)
    _ctrl_c()
    with pytest.raises(KeyboardInterrupt):
        _ctrl_c()


def test_after_training_ctrl_c_is_as_before(runner):
    hook = InterruptHook()
    hook.before_train(runner)
    hook.after_train(runner)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_leaves_the_signal_alone(runner):
    hook = InterruptHook()
    thread = threading.Thread(target=hook.before_train, args=(runner,))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    hook.after_train(runner)


@pytest.mark.parametrize(('rank', 'written'), [(0, ['now.json']), (1, [])])
def test_main_process_alone_writes_the_measures(rank, written, tmp_path, monkeypatch):
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
