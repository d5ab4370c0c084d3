# One stage whose proposals are the boxes: its initial offset kernel and the scalars of that one's
# optimiser, trained on the proposals alone, on stored features of crowded crops. It is not what is
# shipped (docs/model_zoo.md).
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small_stored.py',
    '../_base_/datasets/dev_val.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(
    head=dict(
        initial_moves='stretch',
        learner=dict(type='AlternateLearner', trains_filter=False),
        num_training_iters=10,
        loss_cls=None,
        loss_neg=None,
    ),
    refiner=None,
    iou_head=None,
    box_head=None,
    frozen_modules=['neck'],
    test_cfg=dict(postprocess='nms', box_rate=0.3, size_penalty=0.0, trusted_iou=None),
)
train_dataloader = dict(
    batch_size=16,
    sampler=dict(samples_per_epoch=1600),
    dataset=dict(num_template_frames=3, num_search_frames=2),
)
train_cfg = dict(max_epochs=2, val_interval=2)
optim_wrapper = dict(
    optimizer=dict(lr=4e-3),
    paramwise_cfg=dict(
        custom_keys={'initial_': dict(lr_mult=1.0), 'filter_features': dict(lr_mult=0.0)}
    ),
)
param_scheduler = [dict(_base_.param_scheduler[0], end=20), _base_.param_scheduler[1]]
auto_scale_lr = dict(base_batch_size=16)
# Nothing is trained of how the filter is learned.
find_unused_parameters = True
