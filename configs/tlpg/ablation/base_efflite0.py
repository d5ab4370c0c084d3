# What the rows on EfficientNet-Lite0 share. They differ in the neck and the stages, so these are
# trained, on stored features; IoU-Net sees the backbone's maps alone and is trained once, by
# ../tlpg_efflite0_small_iou.py. docs/ablation.md has the commands.
_base_ = '../tlpg_efflite0_small_stages.py'
