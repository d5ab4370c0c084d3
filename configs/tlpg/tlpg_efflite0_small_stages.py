# The neck and both stages, on stored features. It is not what is shipped: on the small
# corpus it does not help (docs/model_zoo.md).
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small_stored.py',
    '../_base_/datasets/dev_val.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(frozen_modules=['iou_head', 'box_head'], test_cfg=dict(postprocess='nms'))
train_cfg = dict(max_epochs=15)
