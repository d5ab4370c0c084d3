# All parts at once, on stored features, with as many iterations of as many samples as the PrDiMP
# of configs/mix/prdimp_efflite0_small.py. Every epoch ends with a validation, of the moving
# average of the weights; checkpoints hold that average, and the weights as `ema_state_dict`.
_base_ = './tlpg_efflite0_small_stages.py'
model = dict(frozen_modules=[], test_cfg=dict(postprocess='regression'))
train_dataloader = dict(
    batch_size=8,
    sampler=dict(samples_per_epoch=1000),
    dataset=dict(num_template_frames=2, num_search_frames=1),
)
max_epochs = 4
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        convert_to_iter_based=True,
    ),
]
custom_hooks = [*_base_.custom_hooks, dict(type='EMAHook', momentum=0.02)]
val_dataloader = {{_base_.test_dataloader}}
val_evaluator = {{_base_.test_evaluator}}
val_cfg = dict(type='ValLoop')
