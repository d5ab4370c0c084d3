# Box regression, trained on: half of its targets are parts of objects. What it starts from is
# the last epoch of the config beside this one. The parts' features come from
#     python tools/store_features.py configs/tlpg/tlpg_efflite0_small_parts.py \
#         $TLPG_PART_FEATURES --samples 4500
_base_ = './tlpg_efflite0_small_regression.py'
load_from = 'work_dirs/tlpg_efflite0_small_regression/epoch_20.pth'
whole = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[whole, {**whole, 'folder': '{{$TLPG_PART_FEATURES:data/part_features}}'}],
    ),
    sampler=dict(samples_per_epoch=4000),
)
max_epochs = 8
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=100),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        convert_to_iter_based=True,
    ),
]
