# What the rows on EfficientNet-Lite0 share. They differ in the neck and the stages, so these are
# trained, on stored features; IoU-Net sees the backbone's maps alone and is trained once, by
# ../tlpg_efflite0_small_iou.py. The box regression head is none of the paper's, and left out.
# docs/ablation.md has the commands.
_base_ = '../tlpg_efflite0_small_stages.py'
model = dict(box_head=None, frozen_modules=['iou_head'])
# Two epochs, 250 iterations, an eighth of that config's, so that ten trainings fit into an hour of
# one core. All rows have the same.
train_cfg = dict(max_epochs=2)
param_scheduler = [dict(_base_.param_scheduler[0], end=25), _base_.param_scheduler[1]]
# IoU-Net, which most rows need to track, comes from another training.
val_dataloader = val_evaluator = val_cfg = None
