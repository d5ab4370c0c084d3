# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Which errors are said in one line, and what the line says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tlpg_mmtrack.files.mistakes import explain


def _caught(function, *arguments) -> Exception:
    with pytest.raises(Exception) as caught:
        function(*arguments)
    return caught.value


def test_a_missing_file_is_named_with_where_data_are_looked_for() -> None:
    message = explain(_caught(open, 'data/dev/annotations/dev_infos.txt'))
    assert "'data/dev/annotations/dev_infos.txt'; check the path. Data are below" in message
    assert 'TLPG_DATA' in message


def test_it_says_where_the_error_was_raised() -> None:
    def refuse() -> None:
        raise ValueError('frame_interval: must be positive, got 0;\n\npass 1 or more')

    message = explain(_caught(refuse))
    line = refuse.__code__.co_firstlineno + 1
    assert message == f'frame_interval: must be positive, got 0; ({__file__}:{line})'


@pytest.mark.parametrize('content', [b'', b'\x80\x02no pickle', b'PK\x03\x04cut off'])
def test_a_checkpoint_that_cannot_be_read_is_called_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'epoch_2.pth'
    path.write_bytes(content)
    error = _caught(torch.load, path)
    assert 'truncated or none; name a whole one' in explain(error)
    assert 'weights_only' not in explain(error)


def test_a_killed_worker_is_followed_by_how_to_go_on() -> None:
    error = RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed. ')
    assert explain(error) == (
        'DataLoader worker (pid 7) is killed by signal: Killed.; --resume goes on from the last '
        'checkpoint'
    )


@pytest.mark.parametrize(
    'error',
    [RuntimeError('shapes do not fit'), AssertionError(), KeyError('type'), TypeError('x')],
)
def test_a_mistake_in_code_keeps_its_traceback(error: Exception) -> None:
    assert explain(error) is None
