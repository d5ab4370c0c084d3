# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Which errors a command says in one line, what the line says, and the exit codes."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from tlpg_tools.command_line import BAD_INPUT, INTERRUPTED, LEFT_OUT, command
from torch.utils.data import DataLoader, Dataset

from tlpg_mmtrack.compat.compiled_ops import MissingOperatorError
from tlpg_mmtrack.utils.errors import CorpusWarning, FileError, InputError


def refuse(error: BaseException) -> Callable[[], None]:
    """A function that raises."""

    def main() -> None:
        raise error

    return main


def line(capsys: pytest.CaptureFixture[str], main: Callable, resume: str = '') -> str:
    """What a command says of an error that is a user's to fix."""
    assert command(resume=resume)(main)() == BAD_INPUT
    output = capsys.readouterr()
    assert output.out == ''
    (text,) = output.err.splitlines()
    assert text.startswith('error: ')
    return text.removeprefix('error: ')


class Failing(Dataset):
    """Raises in the process that loads; `None` kills it."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> None:
        if self.error is None:
            os.kill(os.getpid(), signal.SIGKILL)
        raise self.error from KeyError('what it came from')

    def load(self) -> None:
        """Read it in another process."""
        iterator = iter(DataLoader(self, num_workers=1))
        try:
            next(iterator)
        finally:
            # Else torch waits for the process when it collects this.
            with contextlib.suppress(RuntimeError):
                next(iterator, None)


@pytest.mark.parametrize(('answer', 'code'), [(None, 0), (0, 0), (LEFT_OUT, 1)])
def test_what_main_answers_is_the_exit_code(answer: int | None, code: int) -> None:
    assert command()(lambda: answer)() == code


@pytest.mark.parametrize(
    'kind',
    [FileError, CorpusWarning, MissingOperatorError, PermissionError],
)
def test_what_a_user_can_fix_is_one_line(kind, capsys):
    error = kind('frame_interval: must be positive, got 0;\n\npass 1 or more')
    message = 'frame_interval: must be positive, got 0; pass 1 or more'
    assert line(capsys, refuse(error)) == message


def test_mmengine_passes_it_on_from_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    config = dict(type='mmtrack.TLPGSOTMetric', submission='nowhere')
    assert line(capsys, lambda: Evaluator(config)).startswith(
        'TLPGSOTMetric: submission must be None or'
    )


@pytest.mark.parametrize(
    'error',
    [
        ValueError('shapes do not fit'),
        RuntimeError('CUDA error: an illegal memory access was encountered'),
        OSError('handle is closed'),
        ConnectionResetError(104, 'Connection reset by peer'),
        ModuleNotFoundError("No module named 'tlpg_mmtrack.x'", name='tlpg_mmtrack.x'),
    ],
)
def test_a_fault_in_code_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        command()(refuse(error))()
    assert caught.value is error


def test_a_missing_file_is_named_with_where_data_are_looked_for(capsys):
    text = line(capsys, Path('data/dev/annotations/dev_infos.txt').read_text)
    assert "'data/dev/annotations/dev_infos.txt'; check the path; data are below TLPG_DATA" in text


def test_a_path_that_is_taken_is_named(tmp_path, capsys):
    error = line(capsys, lambda: tmp_path.mkdir())
    assert error == f"[Errno 17] File exists: '{tmp_path}'; pass another path"


def test_a_full_disk_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(28, 'No space left on device')
    assert line(capsys, refuse(error)) == '[Errno 28] No space left on device; free space'


@pytest.mark.parametrize('content', [b'', b'\x80\x02no pickle', b'PK\x03\x04cut off'])
def test_a_checkpoint_that_cannot_be_read_is_called_one(content, tmp_path, capsys):
    path = tmp_path / 'epoch_2.pth'
    path.write_bytes(content)
    text = line(capsys, lambda: torch.load(path))
    assert 'truncated or none; name another' in text
    assert 'weights_only' not in text


def test_a_killed_worker_is_followed_by_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    text = line(capsys, Failing(None).load, resume='the same command goes on')
    assert text.startswith('DataLoader worker (pid')
    assert text.endswith('; the same command goes on')


@pytest.mark.parametrize('error', [InputError('a.txt: line 3'), FileNotFoundError(2, 'gone')])
def test_of_a_worker_the_innermost_error_is_shown_without_advice(error, capsys):
    text = line(capsys, Failing(error).load, resume='--resume goes on')
    assert text.partition('; check the path')[0] == str(error)
    assert '--resume' not in text


def test_a_fault_in_a_worker_keeps_both_tracebacks() -> None:
    with pytest.raises(RuntimeError, match=r'(?s)in DataLoader worker.*in __getitem__.*CUDA'):
        command()(Failing(RuntimeError('CUDA error')).load)()


def test_a_custom_import_that_is_missing_is_named(tmp_path, capsys):
    path = tmp_path / 'config.py'
    path.write_text("custom_imports = dict(imports=['my_parts'], allow_failed_imports=False)\n")
    text = line(capsys, lambda: Config.fromfile(path))
    assert text == "No module named 'my_parts'; install it, or add its folder to PYTHONPATH"


def test_a_custom_import_that_fails_in_its_code_keeps_its_traceback(tmp_path, monkeypatch):
    (tmp_path / 'broken_parts.py').write_text('from pathlib import Pth\n')
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / 'config.py'
    path.write_text(
        "custom_imports = dict(imports=['broken_parts'], allow_failed_imports=False)\n"
    )
    with pytest.raises(ImportError):
        command()(lambda: Config.fromfile(path))()


@pytest.mark.parametrize(
    ('interrupt', 'message'),
    [
        (KeyboardInterrupt(), 'interrupted; the same command goes on'),
        (KeyboardInterrupt('interrupted after iteration 3'), 'interrupted after iteration 3'),
    ],
)
def test_ctrl_c_says_how_to_go_on(interrupt, message, capsys):
    assert command(resume='the same command goes on')(refuse(interrupt))() == INTERRUPTED
    assert capsys.readouterr().err == f'{message}\n'
