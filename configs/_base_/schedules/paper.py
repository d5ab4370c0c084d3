# Section 3.5: Adam, 60 epochs, the rates times 0.2 every 15. The rates themselves are DiMP's, for
# the ten sequences a step that it trains on: backbone 2e-5, filter features and initial filter
# 5e-5, scalars of the optimisers 5e-4, IoU-Net 1e-3. The neck and the enhancer, new here,
# make the filter features' input and take their rate.
train_cfg = dict(type='NonEmptyEpochLoop', max_epochs=60)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-3),
    paramwise_cfg=dict(
        # A factor on the rate; mmengine reads `lr_mult`. Of the keys that a parameter's name
        # contains, the longest counts.
        custom_keys={
            'backbone': dict(lr_mult=0.02),
            'neck': dict(lr_mult=0.05),
            'enhancer': dict(lr_mult=0.05),
            'filter_features': dict(lr_mult=0.05),
            'initial_': dict(lr_mult=0.05),
            'log_': dict(lr_mult=0.5),
        }
    ),
)
param_scheduler = dict(type='StepLR', by_epoch=True, step_size=15, gamma=0.2)
# Sequences a step that the rates are meant for; --auto-scale-lr scales them for others.
auto_scale_lr = dict(enable=False, base_batch_size=10)
