# The repaired PrDiMP, trained from the same frozen backbone, stored features, crops, optimiser and
# schedule as TLPG's parts: what TLPG is to be compared with (docs/model_zoo.md).
_base_ = 'prdimp_efflite0.py'
model = dict(data_preprocessor=dict(type='TLPGDataPreprocessor'))
train_dataloader = dict(
    _delete_=True,
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='QuotaSampler', samples_per_epoch=1000),
    dataset=dict(
        type='StoredFeatureDataset',
        folder='{{$TLPG_FEATURES:data/features}}',
        num_template_frames=2,
        num_search_frames=1,
    ),
)
train_cfg = dict(_delete_=True, type='NonEmptyEpochLoop', max_epochs=4, val_interval=1)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(enable=False, base_batch_size=8)
val_dataloader = {{_base_.test_dataloader}}
val_evaluator = {{_base_.test_evaluator}}
val_cfg = dict(type='ValLoop')
default_hooks = dict(checkpoint=dict(save_best='sot/success', rule='greater'))
custom_hooks = [
    dict(type='EpochSeedHook'),
    dict(type='FittingCheckpointHook'),
]
randomness = dict(_delete_=True, seed=0)
