# A short schedule for a frozen backbone: AdamW, one warm-up, cosine decay to zero at the last of
# train_cfg.max_epochs. The pretrained
# features already track, so the neck and the filter features move slowly; what starts from nothing
# moves fast. The initial offset kernel stays at zero: learned on so little data, it makes every
# cell propose the nearest object, whichever it is (docs/decisions.md). The initial filter's gain
# (log_initial_gain) is held by the same key.
train_cfg = dict(type='NonEmptyEpochLoop', max_epochs=20, val_interval=5)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=10.0),
    paramwise_cfg=dict(
        custom_keys={
            'neck': dict(lr_mult=0.05),
            'filter_features': dict(lr_mult=0.05),
            'initial_': dict(lr_mult=0.0),
            'log_': dict(lr_mult=2.0, decay_mult=0.0),
        }
    ),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True),
]
# Sequences a step that the rates are meant for; --auto-scale-lr scales them for others.
auto_scale_lr = dict(enable=False, base_batch_size=8)
