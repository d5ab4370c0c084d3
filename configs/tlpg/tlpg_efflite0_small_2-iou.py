# Second part: IoU-Net, on stored features, with the rest as the first part left it.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small_stored.py',
    '../_base_/datasets/dev_test.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(frozen_modules=['neck', 'head', 'refiner'])
load_from = 'work_dirs/tlpg_efflite0_small_1-stages/epoch_20.pth'
train_dataloader = dict(
    batch_size=16,
    sampler=dict(samples_per_epoch=4000),
    dataset=dict(num_template_frames=1, num_search_frames=3),
)
