# IoU-Net alone, on stored features. It sees the backbone's maps, nothing else.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small_stored.py',
    '../_base_/datasets/dev_test.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(frozen_modules=['neck', 'head', 'refiner', 'box_head'])
train_dataloader = dict(
    batch_size=16,
    sampler=dict(samples_per_epoch=4000),
    dataset=dict(num_template_frames=1, num_search_frames=3),
)
