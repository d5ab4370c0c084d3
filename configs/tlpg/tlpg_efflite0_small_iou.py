# IoU-Net alone, on stored features. It sees the backbone's maps, nothing else. Validated with its
# search around the proposals of stages that have learned nothing offline.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small_stored.py',
    '../_base_/datasets/dev_val.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(
    frozen_modules=['neck', 'head', 'refiner', 'box_head'],
    test_cfg=dict(postprocess='iou_search'),
)
train_dataloader = dict(
    batch_size=16,
    sampler=dict(samples_per_epoch=4000),
    dataset=dict(num_template_frames=1, num_search_frames=3),
)
auto_scale_lr = dict(base_batch_size=16)
