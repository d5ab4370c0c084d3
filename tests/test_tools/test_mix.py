# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A mixture trains with validations by tools/train.py, as any config does."""

from __future__ import annotations

from pathlib import Path

from test_train_test import (
    REPOSITORY,
    TINY_CONFIG,
    load_checkpoint,
    write_corpus,
)
from written_runs import Run

# The balanced neck and SDOptimizer in mmtrack's PrDiMP; IoU-Net's batch norm needs two sequences.
MIXTURE = """
_base_ = './tiny.py'
model = dict(
    backbone=dict(out_levels=('C3', 'C4', 'C5')),
    neck=dict(type='BalancedNeck'),
    cls_head=dict(
        softmax=False,
        filter_initializer=dict(filter_size=5),
        filter_optimizer=dict(_delete_=True, type='SDOptimizer', num_iters=5, cell_offset=8.0),
        loss_cls=dict(type='HingeGridLoss'),
        train_cfg=dict(use_gauss_density=False, label_density_norm=False),
    ),
)
train_dataloader = dict(batch_size=2)
val_dataloader = dict(_delete_=True, **_base_.test_dataloader)
val_evaluator = dict(_delete_=True, **_base_.test_evaluator)
val_cfg = dict(_delete_=True, type='ValLoop')
"""


def test_prdimp_with_our_neck_and_optimiser(tmp_path: Path, run_here: Run) -> None:
    write_corpus(tmp_path)
    base = REPOSITORY / 'configs' / 'mix' / 'prdimp_efflite0_small.py'
    (tmp_path / 'tiny.py').write_text(
        TINY_CONFIG.format(base=str(base), data=str(tmp_path / 'data'), root=f'{tmp_path}/')
    )
    (tmp_path / 'mixture.py').write_text(MIXTURE)
    assert run_here('train', 'mixture.py', folder=tmp_path)[0] == 0
    trained = load_checkpoint(tmp_path / 'work_dirs/mixture/best_sot_success_epoch_1.pth')
    assert trained['meta']['iter'] == 2
    weights = trained['state_dict']
    assert all(value.isfinite().all() for value in weights.values())
    assert any(name.startswith('neck.') for name in weights)
    assert 'classifier.filter_optimizer.log_step' in weights
