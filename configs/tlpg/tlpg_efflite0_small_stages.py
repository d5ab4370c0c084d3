# One part: the neck and both stages, on stored features.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small_stored.py',
    '../_base_/datasets/dev_test.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(frozen_modules=['iou_head'], test_cfg=dict(postprocess='nms'))
