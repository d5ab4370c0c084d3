# What the rows on EfficientNet-Lite0 share. They differ in the neck and the stages, so these are
# trained, on stored features; IoU-Net sees the backbone's maps alone and is trained once, by
# ../tlpg_efflite0_small_iou.py. The box regression head is none of the paper's, and left out.
# docs/ablation.md has the commands.
_base_ = '../tlpg_efflite0_small_stages.py'
model = dict(box_head=None, frozen_modules=['iou_head'])
# Two epochs, 250 iterations, an eighth of that config's, so that ten trainings fit into an hour of
# one core. All rows have the same.
max_epochs = 2
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=25),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        convert_to_iter_based=True,
    ),
]
