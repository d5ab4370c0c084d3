# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of :mod:`tlpg_mmtrack.compat.checkpoints`."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn

from tlpg_mmtrack.compat.checkpoints import allow_mmengine_checkpoints


class LinearModel(BaseModel):
    """The smallest model that mmengine's Runner trains."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, inputs: list[Tensor], mode: str = 'loss') -> dict[str, Tensor]:
        """Return a loss whatever the mode."""
        return dict(loss=self.linear(torch.stack(inputs)).square().mean())


def make_runner(folder: Path, name: str, epochs: int, **options: Any) -> Runner:
    """A Runner over four samples, two iterations an epoch, Adam and a step schedule."""
    return Runner(
        LinearModel(),
        str(folder),
        train_dataloader=dict(
            dataset=[dict(inputs=torch.tensor([1.0, float(i)])) for i in range(4)],
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_size=2,
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
        param_scheduler=dict(type='StepLR', step_size=1),
        default_scope='mmtrack',
        log_level='ERROR',
        experiment_name=name,
        **options,
    )


class Malicious:
    """Pickles to a call of a function looked up with getattr."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


@pytest.mark.skipif(
    not hasattr(torch.serialization, 'safe_globals'), reason='torch without weights_only loading'
)
class TestCheckpoints:
    """``torch.load`` with ``weights_only`` reads mmengine's checkpoints and nothing more."""

    def test_training_resumes(self, tmp_path: Path) -> None:
        first = make_runner(tmp_path, f'first-{tmp_path.name}', epochs=1)
        first.message_hub.update_info('best_score', np.float32(0.5))
        first.message_hub.update_info('classes', np.array(['target']))
        first.train()
        second = make_runner(tmp_path, f'second-{tmp_path.name}', epochs=2, resume=True)
        second.load_or_resume()
        assert second.iter == 2
        assert torch.equal(second.model.linear.weight, first.model.linear.weight)
        losses = second.message_hub.get_scalar('train/loss')
        assert isinstance(losses, HistoryBuffer)
        np.testing.assert_array_equal(
            losses.data[0], first.message_hub.get_scalar('train/loss').data[0]
        )
        assert losses.statistics('max') == losses.data[0].max()
        second.train()
        assert (tmp_path / 'epoch_2.pth').is_file()

    def test_refused_without_the_shim(self, tmp_path: Path) -> None:
        torch.save({'log': HistoryBuffer([1.0], [1])}, tmp_path / 'log.pth')
        allowed = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            with pytest.raises(UnpicklingError):
                torch.load(tmp_path / 'log.pth', weights_only=True)
            allow_mmengine_checkpoints()
            log = torch.load(tmp_path / 'log.pth', weights_only=True)['log']
        finally:
            torch.serialization.add_safe_globals(allowed)
        assert log.mean() == 1

    @pytest.mark.parametrize('dtype', ['?', 'i8', 'f4', 'U6'])
    def test_numpy(self, tmp_path: Path, dtype: str) -> None:
        array = np.array([[0, 1], [1, 0]]).astype(dtype)
        torch.save({'array': array, 'scalar': array[0, 1]}, tmp_path / 'numpy.pth')
        loaded = torch.load(tmp_path / 'numpy.pth', weights_only=True)
        assert loaded['array'].dtype == array.dtype
        np.testing.assert_array_equal(loaded['array'], array)
        assert loaded['scalar'] == array[0, 1]

    @pytest.mark.parametrize(
        ('written', 'renamed'),
        [(b'numpy._core.', b'numpy.core.'), (b'numpy.core.', b'numpy._core.')],
    )
    def test_numpy_1_and_2_names(self, tmp_path: Path, written: bytes, renamed: bytes) -> None:
        torch.save({'array': np.arange(3.0), 'scalar': np.float64(2)}, tmp_path / 'a.pth')
        with (
            zipfile.ZipFile(tmp_path / 'a.pth') as source,
            zipfile.ZipFile(tmp_path / 'b.pth', 'w') as target,
        ):
            for item in source.infolist():
                target.writestr(item, source.read(item).replace(written, renamed))
        loaded = torch.load(tmp_path / 'b.pth', weights_only=True)
        assert loaded['array'].tolist() == [0, 1, 2]
        assert loaded['scalar'] == 2

    @pytest.mark.parametrize(
        'reduced',
        [
            (getattr, (torch.Tensor, 'numpy')),
            (getattr, (HistoryBuffer, 'register_statistics')),
            (os.getcwd, ()),
        ],
    )
    def test_code_is_refused(self, tmp_path: Path, reduced: tuple[Any, ...]) -> None:
        torch.save({'code': Malicious(*reduced)}, tmp_path / 'code.pth')
        with pytest.raises(UnpicklingError):
            torch.load(tmp_path / 'code.pth', weights_only=True)
