# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Trainings that end early leave what they can be resumed from, to the same curve."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.runner import Runner
from torch.utils.data import get_worker_info
from toy_training import BATCHES, EPOCHS, Numbers

Make = Callable[..., Runner]
EMA = dict(type='EMAHook', momentum=0.1)


def weights_of(runner: Runner) -> list[torch.Tensor]:
    """Copies of the trained weights."""
    return [value.detach().clone() for value in runner.model.parameters()]


def saved(folder: Path) -> list[str]:
    """The checkpoints that are there."""
    return sorted(path.name for path in folder.glob('*.pth'))


def fail_at(iteration: int) -> Callable[[int], float]:
    """Something that ends the process at an iteration."""

    def spoil(index: int) -> float:
        if index == iteration:
            raise SystemError('gone')
        return 0.0

    return spoil


@pytest.mark.parametrize('ema', [False, True])
def test_a_resumed_training_ends_where_one_that_ran_through_does(make_runner, ema):
    def make(folder: str, **changes: object) -> Runner:
        runner = make_runner(folder, **changes)
        if ema:
            runner.register_hook(EMA)
        return runner

    whole = make('whole')
    whole.train()
    assert len(whole.model.losses) == EPOCHS * BATCHES
    stopped = make('stopped')
    stopped.model.spoil = fail_at(2 * BATCHES + 1)
    with pytest.raises(SystemError):
        stopped.train()
    resumed = make('stopped', resume=True)
    resumed.train()
    assert resumed.model.losses == whole.model.losses[2 * BATCHES :]
    for one, other in zip(weights_of(resumed), weights_of(whole), strict=True):
        assert torch.equal(one, other)


def test_epochs_draw_differently(make_runner: Make) -> None:
    runner = make_runner(
        'fixed',
        dataset=Numbers(2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.0)),
        param_scheduler=None,
    )
    runner.train()
    assert len(set(runner.model.losses)) == EPOCHS


def test_a_loss_that_is_not_finite_stops_it_with_the_last_checkpoint_kept(make_runner, tmp_path):
    runner = make_runner('nan')
    # The last iteration of the third epoch: its checkpoint would be the next thing.
    runner.model.spoil = lambda index: float('nan') if index == 3 * BATCHES - 1 else 0.0
    with pytest.raises(AssertionError):
        runner.train()
    assert saved(tmp_path / 'nan') == ['epoch_1.pth', 'epoch_2.pth']
    assert (tmp_path / 'nan/last_checkpoint').read_text().endswith('epoch_2.pth')


def test_weights_that_are_not_finite_are_not_saved(make_runner: Make, tmp_path: Path) -> None:
    runner = make_runner('weights')

    def spoil(index: int) -> float:
        if index == 3 * BATCHES - 1:
            runner.model.layer.weight.register_hook(lambda gradient: gradient * torch.nan)
        return 0.0

    runner.model.spoil = spoil
    with pytest.raises(FloatingPointError, match=r'3 not written: 1 .*layer\.weight .*epoch_2'):
        runner.train()
    assert saved(tmp_path / 'weights') == ['epoch_1.pth', 'epoch_2.pth']


@pytest.mark.parametrize('first', [1, 3])
def test_a_full_disk_leaves_the_last_whole_checkpoint(make_runner, tmp_path, monkeypatch, first):
    put = LocalBackend.put

    def fill(self: LocalBackend, content: bytes, path: str | Path) -> None:
        if f'epoch_{first}.pth' not in str(path):
            return put(self, content, path)
        put(self, content[:100], path)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    advice = 'none was written yet' if first == 1 else '--resume goes on from .*epoch_2'
    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, 'put', fill)
        with pytest.raises(
            OSError, match=rf'epoch_{first}\.pth cannot be written \(No space.*{advice}'
        ):
            make_runner('full').train()
    assert saved(tmp_path / 'full') == [
        f'epoch_{epoch}.pth' for epoch in range(first - 1, first) if epoch
    ]
    assert not list((tmp_path / 'full').glob('.*'))
    resumed = make_runner('full', resume=True)
    resumed.train()
    whole = make_runner('whole')
    whole.train()
    assert resumed.model.losses == whole.model.losses[(first - 1) * BATCHES :]


@pytest.mark.parametrize('resume', [False, True])
def test_an_oldest_checkpoint_that_cannot_be_removed_stays_beside_the_new_one(
    make_runner, tmp_path, monkeypatch, resume
):
    if resume:
        # In the process that goes on, the first save is the one that removes.
        make_runner('run', train_cfg=dict(by_epoch=True, max_epochs=2)).train()

    def refuse(self: LocalBackend, path: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(LocalBackend, 'remove', refuse)
    runner = make_runner('run', resume=resume)
    warnings = []
    monkeypatch.setattr(runner.logger, 'warning', warnings.append)
    runner.train()
    assert saved(tmp_path / 'run') == [f'epoch_{epoch}.pth' for epoch in (1, 2, 3, 4)]
    assert (tmp_path / 'run/last_checkpoint').read_text().endswith('epoch_4.pth')
    removals = [warning for warning in warnings if 'removing it failed' in warning]
    assert ['epoch_1.pth' in removals[0], 'epoch_2.pth' in removals[1]] == [True, True]


def test_writing_a_checkpoint_again_leaves_the_one_that_is_there_when_it_fails(
    make_runner, tmp_path, monkeypatch
):
    """As a training does that goes on from an earlier checkpoint."""
    make_runner('run', train_cfg=dict(by_epoch=True, max_epochs=2)).train()
    before = (tmp_path / 'run/epoch_2.pth').read_bytes()
    (tmp_path / 'run/last_checkpoint').write_text('epoch_1.pth')

    def fill(self: LocalBackend, content: bytes, path: str | Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(LocalBackend, 'put', fill)
    with pytest.raises(OSError, match=r'epoch_2\.pth cannot be written .*goes on from .*epoch_1'):
        make_runner('run', resume=True).train()
    assert (tmp_path / 'run/epoch_2.pth').read_bytes() == before


@pytest.mark.parametrize('original', ['kept', 'gone'])
def test_a_renamed_or_copied_folder_is_resumed_from_its_own_checkpoint(
    make_runner, tmp_path, original
):
    first = make_runner('first')
    first.model.spoil = fail_at(2 * BATCHES)
    with pytest.raises(SystemError):
        first.train()
    shutil.copytree(tmp_path / 'first', tmp_path / 'second')
    if original == 'gone':
        shutil.rmtree(tmp_path / 'first')
    else:
        # The other folder has gone on, to another file of the same name.
        checkpoint = torch.load(tmp_path / 'first/epoch_2.pth', weights_only=True)
        checkpoint['state_dict']['layer.weight'].fill_(9.0)
        torch.save(checkpoint, tmp_path / 'first/epoch_2.pth')
    resumed = make_runner('second', resume=True)
    resumed.train()
    whole = make_runner('whole')
    whole.train()
    assert resumed.model.losses == whole.model.losses[2 * BATCHES :]


def test_checkpoints_in_another_folder_than_the_note_are_found(make_runner, tmp_path):
    hooks = dict(checkpoint=dict(type='GuardedCheckpointHook', out_dir=str(tmp_path / 'kept')))
    make_runner('run', default_hooks=hooks, train_cfg=dict(by_epoch=True, max_epochs=2)).train()
    resumed = make_runner('run', default_hooks=hooks, resume=True)
    resumed.train()
    assert len(resumed.model.losses) == (EPOCHS - 2) * BATCHES


class Deadly(Numbers):
    """Its worker is killed, as by a system that is out of memory."""

    def __getitem__(self, index: int) -> dict:
        if index == 0 and get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


def test_a_killed_worker_ends_it_at_once(make_runner: Make, tmp_path: Path) -> None:
    make_runner('killed', train_cfg=dict(by_epoch=True, max_epochs=1)).train()
    runner = make_runner('killed', dataset=Deadly(), resume=True)
    loader = runner._train_dataloader
    loader['num_workers'] = 1
    with pytest.raises(RuntimeError, match=r'DataLoader worker .*(killed|exited)'):
        runner.train()
    assert saved(tmp_path / 'killed') == ['epoch_1.pth']
    resumed = make_runner('killed', resume=True)
    resumed.train()
    assert len(resumed.model.losses) == (EPOCHS - 1) * BATCHES


@pytest.mark.parametrize('count', [0, 1, -2, 2.5])
def test_keeping_one_checkpoint_is_refused(make_runner: Make, count: int) -> None:
    with pytest.raises(ValueError, match='max_keep_ckpts must be at least 2'):
        make_runner(
            'one',
            default_hooks=dict(
                checkpoint=dict(type='GuardedCheckpointHook', max_keep_ckpts=count)
            ),
        )


class Drawn(Numbers):
    """Draws its samples from the loading process's random numbers, as mmtrack's datasets do."""

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=torch.rand(3))


@pytest.mark.parametrize('persistent', [False, True])
def test_loading_processes_draw_anew_after_a_resume(make_runner: Make, persistent: bool) -> None:
    """mmengine starts them with the run's seed, whatever the epoch: with the first one's draws."""

    drawn = []

    def train(max_epochs: int, resume: bool) -> None:
        runner = make_runner(
            'drawn',
            train_cfg=dict(by_epoch=True, max_epochs=max_epochs),
            train_dataloader=dict(
                batch_size=BATCHES,
                num_workers=1,
                persistent_workers=persistent,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=Drawn(BATCHES),
            ),
            resume=resume,
        )
        runner.model.register_forward_pre_hook(
            lambda model, args, inputs: drawn.extend(x.tolist() for x in inputs['inputs']),
            with_kwargs=True,
        )
        runner.train()

    train(2, resume=False)
    train(EPOCHS, resume=True)
    assert len(drawn) == EPOCHS * BATCHES
    assert len({tuple(sample) for sample in drawn}) == len(drawn)
