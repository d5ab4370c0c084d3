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
train_cfg = dict(max_epochs=4, val_interval=1)
# A shorter warm-up.
param_scheduler = [dict(_base_.param_scheduler[0], end=50), _base_.param_scheduler[1]]
custom_hooks = [*_base_.custom_hooks, dict(type='EMAHook', momentum=0.02)]
