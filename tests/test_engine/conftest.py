# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Trainings of a second with the configs' runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch.utils.data import Dataset
from toy_training import BATCH, EPOCHS, Linear, Numbers

RUNTIME = Path(__file__).resolve().parents[2] / 'configs/_base_/default_runtime.py'


@pytest.fixture
def make_runner(tmp_path: Path) -> Callable[..., Runner]:
    """A function that makes a training in a folder of its own, or resumes the one there."""
    counter = iter(range(1000))

    def make(folder: str, dataset: Dataset | None = None, **changes: Any) -> Runner:
        runtime = Config.fromfile(RUNTIME)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            model = Linear()
        settings = dict(
            model=model,
            work_dir=str(tmp_path / folder),
            train_dataloader=dict(
                batch_size=BATCH,
                num_workers=0,
                drop_last=True,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dataset or Numbers(),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=EPOCHS),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.05)),
            param_scheduler=dict(type='CosineAnnealingLR', T_max=EPOCHS),
            default_hooks=runtime.default_hooks,
            custom_hooks=runtime.custom_hooks,
            default_scope='mmtrack',
            randomness=runtime.randomness,
            log_level='WARNING',
            experiment_name=f'{tmp_path.name}_{next(counter)}',
        )
        return Runner(**{**settings, **changes})

    return make
