# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of mmengine's launchers on a CPU, and of mmtrack's own tools."""

from __future__ import annotations

import runpy
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.dist import init_dist
from mmengine.model import BaseModel
from mmengine.model.wrappers import MMDistributedDataParallel
from tlpg_tools import mmtrack_tool
from torch import Tensor, nn

from tlpg_mmtrack.utils.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]


class TestTools:
    """mmtrack's own command-line tools."""

    @pytest.mark.parametrize('name', ['train.py', 'test.py'])
    def test_loads(self, name: str) -> None:
        assert callable(mmtrack_tool.load_mmtrack_tool(name).main)

    def test_missing_tool_is_explained(self) -> None:
        with pytest.raises(InputError, match=r'tools/no\.py.*--force-reinstall mmtrack'):
            mmtrack_tool.load_mmtrack_tool('no.py')


class ToyModel(BaseModel):
    """A linear layer with a loss."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, inputs: list[Tensor], mode: str = 'loss') -> dict[str, Tensor]:
        """Return a loss whatever the mode."""
        return dict(loss=self.linear(torch.stack(inputs)).square().mean())


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without CUDA')
class TestDistributedOnCpu:
    """mmengine's launcher and its data-parallel wrapper without CUDA."""

    @pytest.fixture
    def process_group(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """The process group of a world of one, asked for as mmtrack's configs do: nccl."""
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        for name, value in dict(
            RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR='127.0.0.1', MASTER_PORT=port
        ).items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr('torch.multiprocessing.get_start_method', lambda allow_none: 'fork')
        init_dist('pytorch', backend='nccl')
        yield torch.distributed
        mmtrack_tool.leave_process_group()

    def test_trains(self, process_group: Any) -> None:
        assert process_group.get_backend() == 'gloo'
        wrapped = MMDistributedDataParallel(module=ToyModel(), device_ids=[0])
        wrapped([torch.ones(2)], mode='loss')['loss'].backward()
        assert wrapped.module.linear.weight.grad is not None

    @pytest.mark.parametrize('name', ['train.py', 'test.py'])
    def test_our_tools_leave_the_group(self, name, process_group, monkeypatch):
        """A process that ends in a group of gloo's may abort after all of its work."""
        calls = []
        ran = SimpleNamespace(
            main=lambda: calls.append(process_group.is_initialized()),
            parse_args=lambda: SimpleNamespace(config=__file__, checkpoint=None, amp=False),
        )
        monkeypatch.setattr(mmtrack_tool, 'load_mmtrack_tool', lambda tool: ran)
        monkeypatch.setattr('tlpg_tools.allocator.keep_freed_memory', lambda: None)
        monkeypatch.setattr(sys, 'argv', [name, 'config.py'])
        monkeypatch.setattr(sys, 'path', sys.path.copy())
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(REPOSITORY / 'tools' / name), run_name='__main__')
        assert ended.value.code == 0
        assert calls == [True]
        assert not process_group.is_initialized()
        mmtrack_tool.leave_process_group()  # Nothing to leave: no error.

    def test_set_device_is_restored(self, process_group: Any) -> None:
        assert torch.cuda.set_device.__module__ == 'torch.cuda'
