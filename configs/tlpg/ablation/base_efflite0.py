# What the rows on EfficientNet-Lite0 share. They differ in the neck and the stages, so these are
# trained, on stored features; IoU-Net sees the backbone's maps alone and is trained once, by
# ../tlpg_efflite0_small_iou.py. The box regression head is none of the paper's, and left out.
# docs/ablation.md has the commands.
_base_ = '../tlpg_efflite0_small_stages.py'
model = dict(box_head=None, frozen_modules=['iou_head'])
